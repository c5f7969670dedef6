-- The heirs of one session share their idempotency keys: a retry may come from the next heir. An heir's id is a UUIDv8, and
-- the first ten bytes of it are the same for all heirs of the session.
CREATE UNIQUE INDEX one_order_per_key_of_heirs ON orders (key, substr(buyer_id, 1, 10))
    WHERE key IS NOT NULL AND substr(buyer_id, 7, 1) BETWEEN x'80' AND x'8f';
