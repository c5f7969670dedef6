-- The heirs of one session share their idempotency keys: a retry may come from the next heir. An heir's id is a UUIDv8, and
-- the first ten bytes of it, 23 characters of its text, are the same for all heirs of the session.
CREATE UNIQUE INDEX one_order_per_key_of_heirs ON orders (key, (left(buyer_id::text, 23) COLLATE "C"))
    WHERE key IS NOT NULL AND substr(buyer_id::text, 15, 1) = '8';
