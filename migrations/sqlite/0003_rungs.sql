-- How well the seats of an order stand together that were picked for its buyer; null where none were.
ALTER TABLE orders ADD COLUMN rung TEXT CHECK (rung IN ('together', 'orphan', 'rows', 'scattered'));
