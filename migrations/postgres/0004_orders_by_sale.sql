-- The orders of one sale, for its audit. SQLite's index `orders_by_buyer` begins with the sale and serves for both. New
-- orders of a sale are added at one place of this index, so a purchase hardly notices it.
CREATE INDEX orders_by_sale ON orders (sale_id, seq);
