-- keys: sales_month, country
SELECT
  transaction_month AS sales_month,
  country,
  count(*) AS transaction_count,
  sum(quantity) AS units_sold,
  sum(total_amount) AS total_revenue,
  avg(total_amount) AS avg_order_value
FROM sales
GROUP BY ALL
