-- The 100 French customers who spent most on tea in spring 2024 (days 1155 to 1246), counting paid
-- orders of which nothing came back; with their place among their countrymen by points and the
-- number of all orders they ever made. One clause a line: each can be replaced by itself.
WITH ranked AS (
    SELECT k.id, 1 + (SELECT count(*) FROM customers AS m WHERE m.country = k.country AND m.points > k.points) AS place FROM customers AS k
)
SELECT c.id, r.place, sum(l.quantity * l.cents) AS cents,
       (SELECT count(*) FROM orders AS a WHERE a.customer_id = c.id) AS all_orders
FROM orders AS o
JOIN lines AS l ON l.order_id = o.id
JOIN customers AS c ON c.id = o.customer_id
JOIN ranked AS r ON r.id = c.id
WHERE c.country = 'FR'
  AND o.status = 'paid'
  AND o.day BETWEEN 1155 AND 1246
  AND l.product_id IN (SELECT p.id FROM products AS p WHERE p.category = 'tea')
  AND NOT EXISTS (SELECT 1 FROM returns AS b WHERE b.order_id = o.id)
GROUP BY c.id
ORDER BY cents DESC, c.id
LIMIT 100
