-- keys: country, window_start
SELECT
  country,
  date_trunc('hour', transaction_date) AS window_start,
  date_trunc('hour', transaction_date) + INTERVAL 1 HOUR AS window_end,
  count(*) AS transaction_count,
  sum(quantity) AS units_sold,
  sum(total_amount) AS total_revenue
FROM sales
WHERE open_window(transaction_date, INTERVAL 1 HOUR, INTERVAL 1 DAY, seen)
GROUP BY ALL
