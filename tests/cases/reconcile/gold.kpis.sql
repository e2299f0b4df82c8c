-- keys: kpi_date
SELECT
  strftime(transaction_date, '%Y-%m-%d') AS kpi_date,
  count(*) FILTER (quantity > 0 AND unit_price > 0) AS sales_count,
  coalesce(sum(total_amount) FILTER (quantity > 0 AND unit_price > 0), 0) AS gross_revenue,
  count(*) FILTER (is_cancellation) AS cancellation_count,
  coalesce(sum(total_amount) FILTER (is_cancellation), 0) AS cancelled_amount,
  count(*) FILTER (quality_passed) AS quality_passed_count,
  count(*) AS transaction_count,
  count(DISTINCT invoice_no) AS invoices,
  count(DISTINCT customer_id) AS active_customers
FROM silver
GROUP BY ALL
