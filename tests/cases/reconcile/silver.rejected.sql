-- keys: transaction_id
SELECT
  transaction_id,
  'quality' AS stage,
  concat_ws(', ',
    CASE WHEN NOT customer_id_complete THEN 'customer_id is missing' END,
    CASE WHEN NOT quantity_valid THEN 'quantity is not positive' END,
    CASE WHEN NOT unit_price_valid THEN 'unit_price is not positive' END) AS reason,
  customer_id, product_id, quantity, unit_price, country, transaction_date
FROM silver
WHERE NOT quality_passed
