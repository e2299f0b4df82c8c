-- keys: customer_id
SELECT
  customer_id,
  min(transaction_date) AS first_purchase,
  max(transaction_date) AS last_purchase,
  floor(epoch(TIMESTAMP '2011-12-10' - max(transaction_date)) / 86400)::BIGINT AS recency_days,
  count(*) AS frequency,
  count(DISTINCT invoice_no) AS orders,
  sum(total_amount) AS monetary,
  sum(total_amount) * 365
    / greatest(floor(epoch(max(transaction_date) - min(transaction_date)) / 86400), 30) AS lifetime_value
FROM good
GROUP BY customer_id
