-- keys: country, window_start
SELECT
  country,
  time_bucket(INTERVAL 5 MINUTE, transaction_date) AS window_start,
  time_bucket(INTERVAL 5 MINUTE, transaction_date) + INTERVAL 5 MINUTE AS window_end,
  count(*) AS transaction_count,
  sum(total_amount) AS total_revenue,
  avg(total_amount) AS avg_order_value,
  count(DISTINCT customer_id) AS unique_customers
FROM sales
WHERE open_window(transaction_date, INTERVAL 5 MINUTE, INTERVAL 10 MINUTE, seen)
GROUP BY ALL
