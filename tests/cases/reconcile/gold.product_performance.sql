-- keys: product_id
SELECT
  product_id,
  any_value(product_description) AS product_description,
  count(*) AS transaction_count,
  sum(quantity) AS units_sold,
  sum(total_amount) AS total_revenue,
  min(unit_price) AS lowest_price,
  max(unit_price) AS highest_price,
  max(transaction_date) AS last_sold
FROM sales
GROUP BY product_id
