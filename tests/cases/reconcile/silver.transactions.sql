-- keys: transaction_id
SELECT * EXCLUDE (arrival) FROM silver
