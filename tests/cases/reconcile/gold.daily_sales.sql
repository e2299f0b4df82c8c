-- keys: country, window_start
SELECT
  country,
  date_trunc('day', transaction_date)::TIMESTAMP AS window_start,
  date_trunc('day', transaction_date)::TIMESTAMP + INTERVAL 1 DAY AS window_end,
  count(*) AS transaction_count,
  sum(quantity) AS units_sold,
  sum(total_amount) AS total_revenue,
  count(DISTINCT customer_id) AS unique_customers
FROM sales
WHERE open_window(transaction_date, INTERVAL 1 DAY, INTERVAL 7 DAY, seen)
GROUP BY ALL
