-- keys: message_key
SELECT
  transaction_id AS message_key,
  'retail-transactions' AS topic,
  transaction_id AS in_transaction_id,
  customer_id AS in_customer_id,
  product_id AS in_product_id,
  quantity AS in_quantity,
  unit_price AS in_unit_price,
  strftime(moment, '%Y-%m-%dT%H:%M:%S') AS in_transaction_date,
  country AS in_country
FROM rows
