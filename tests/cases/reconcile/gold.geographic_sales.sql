-- keys: country
SELECT
  country,
  any_value(iso_code) AS iso_code,
  any_value(region) AS region,
  count(*) AS transaction_count,
  sum(quantity) AS units_sold,
  sum(total_amount) AS total_revenue,
  avg(total_amount) AS avg_order_value,
  count(DISTINCT customer_id) AS unique_customers
FROM sales
GROUP BY country
