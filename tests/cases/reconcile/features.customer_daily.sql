-- keys: customer_id, window_start
SELECT
  customer_id,
  date_trunc('day', transaction_date)::TIMESTAMP AS window_start,
  date_trunc('day', transaction_date)::TIMESTAMP + INTERVAL 1 DAY AS window_end,
  count(*) AS daily_transaction_count,
  sum(total_amount) AS daily_total_spent,
  avg(total_amount) AS daily_avg_order_value,
  count(DISTINCT product_id) AS daily_unique_products
FROM good
WHERE open_window(transaction_date, INTERVAL 1 DAY, INTERVAL 7 DAY, seen)
GROUP BY ALL
