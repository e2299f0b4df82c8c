-- keys: customer_id, session_start
WITH marked AS (
  SELECT *,
    CASE WHEN transaction_date - lag(transaction_date)
              OVER (PARTITION BY customer_id ORDER BY transaction_date, arrival) <= INTERVAL 30 MINUTE
         THEN 0 ELSE 1 END AS begins
  FROM good
), numbered AS (
  SELECT *, sum(begins) OVER (PARTITION BY customer_id ORDER BY transaction_date, arrival
                              ROWS UNBOUNDED PRECEDING) AS number
  FROM marked
)
SELECT
  customer_id,
  min(transaction_date) AS session_start,
  max(transaction_date) AS session_end,
  count(*) AS transaction_count,
  sum(total_amount) AS total_amount,
  epoch(max(transaction_date) - min(transaction_date)) / 60 AS duration_minutes
FROM numbered
GROUP BY customer_id, number
