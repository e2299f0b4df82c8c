-- The file as DuckDB reads it, with nothing of Penstock: a row for each transaction, in file order.
CREATE TABLE file AS
SELECT row_number() OVER () AS line, *
FROM read_csv('{csv}', header = true, all_varchar = true, parallel = false, quote = '"');

-- `arrivals` (transaction_id, arrival) is given by the test: the order in which ids first arrived.
CREATE TABLE rows AS
SELECT * FROM (
SELECT
  line,
  InvoiceNo || '-' || row_number() OVER (PARTITION BY InvoiceNo ORDER BY line) AS transaction_id,
  InvoiceNo AS invoice_no,
  nullif(regexp_replace(coalesce(CustomerID, ''), '\.0$', ''), '') AS customer_id,
  StockCode AS product_id,
  Description AS description,
  Quantity::INTEGER AS quantity,
  UnitPrice::DOUBLE AS unit_price,
  InvoiceDate::TIMESTAMP AS moment,
  Country AS country
FROM file
) JOIN arrivals USING (transaction_id);

CREATE TABLE countries AS
SELECT * FROM read_csv('{countries}', header = true, all_varchar = true);

-- The usual description of a product: the most frequent one, ties by text.
CREATE TABLE products AS
SELECT product_id, arg_min(trimmed, (-n, trimmed)) AS description
FROM (
  SELECT product_id, trim(description) AS trimmed, count(*) AS n
  FROM (SELECT StockCode AS product_id, Description AS description FROM read_csv('{whole}', header = true, all_varchar = true))
  WHERE trim(coalesce(description, '')) <> ''
  GROUP BY ALL
)
GROUP BY product_id;

-- A window takes a row while its end + grace is later than the latest time seen, this row's included.
CREATE MACRO open_window(moment, span, grace, seen) AS time_bucket(span, moment, TIMESTAMP '1970-01-01') + span + grace > seen;

CREATE TABLE silver AS
WITH arrived AS (
  SELECT *, max(moment) OVER (ORDER BY arrival ROWS UNBOUNDED PRECEDING) AS seen FROM rows
)
SELECT
  r.arrival,
  r.transaction_id,
  r.invoice_no,
  r.customer_id,
  r.product_id,
  p.description AS product_description,
  r.quantity,
  r.unit_price,
  r.quantity * r.unit_price AS total_amount,
  r.moment AS transaction_date,
  strftime(r.moment, '%Y-%m') AS transaction_month,
  coalesce(c.standard_name, trim(r.country)) AS country,
  c.iso_code,
  c.region,
  hour(r.moment) AS hour_of_day,
  isodow(r.moment) AS day_of_week,
  day(r.moment) AS day_of_month,
  month(r.moment) AS month,
  quarter(r.moment) AS quarter,
  isodow(r.moment) >= 6 AS is_weekend,
  isodow(r.moment) < 6 AND hour(r.moment) BETWEEN 9 AND 16 AS is_business_hours,
  r.invoice_no LIKE 'C%' AS is_cancellation,
  r.customer_id IS NOT NULL AS customer_id_complete,
  true AS transaction_date_complete,
  true AS quantity_complete,
  r.quantity > 0 AS quantity_valid,
  r.unit_price > 0 AS unit_price_valid,
  true AS amount_consistent,
  r.customer_id IS NOT NULL AND r.quantity > 0 AND r.unit_price > 0 AS quality_passed
FROM arrived r
LEFT JOIN countries c ON trim(r.country) = c.country
LEFT JOIN products p USING (product_id)
WHERE epoch_ms(r.moment) // 604800000 * 604800000 + 604800000 + 86400000 > epoch_ms(r.seen);

CREATE TABLE sales AS
SELECT *, max(transaction_date) OVER (ORDER BY arrival ROWS UNBOUNDED PRECEDING) AS seen
FROM silver WHERE quantity > 0 AND unit_price > 0;

CREATE TABLE good AS
SELECT *, max(transaction_date) OVER (ORDER BY arrival ROWS UNBOUNDED PRECEDING) AS seen
FROM silver WHERE quality_passed;
