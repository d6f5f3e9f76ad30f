-- The shop on SQLite. What the domain forbids, the schema forbids too, under a name that becomes a typed error.
-- Times are milliseconds since 1970, identifiers UUIDs in their text form, which sorts by the time of their making.

CREATE TABLE organisations (
    id        TEXT PRIMARY KEY NOT NULL,
    name      TEXT NOT NULL CONSTRAINT organisations_name_not_empty CHECK (length(trim(name)) > 0),
    parent_id TEXT CONSTRAINT organisations_parent_exists REFERENCES organisations (id),
    depth     INTEGER NOT NULL CONSTRAINT organisations_depth CHECK (depth BETWEEN 0 AND 16),
    CONSTRAINT organisations_company_on_top CHECK ((parent_id IS NULL) = (depth = 0)),
    CONSTRAINT organisations_not_below_itself CHECK (parent_id <> id)
) STRICT;
CREATE INDEX organisations_by_parent ON organisations (parent_id);

CREATE TABLE memberships (
    id              TEXT PRIMARY KEY NOT NULL,
    organisation_id TEXT NOT NULL CONSTRAINT memberships_organisation_exists REFERENCES organisations (id),
    issuer          TEXT NOT NULL,
    subject         TEXT NOT NULL,
    role            TEXT NOT NULL CONSTRAINT memberships_role CHECK (role IN ('member', 'editor', 'manager')),
    accepted_at     INTEGER,
    CONSTRAINT memberships_once UNIQUE (organisation_id, issuer, subject),
    CONSTRAINT memberships_member_not_empty CHECK (length(issuer) > 0 AND length(subject) > 0)
) STRICT;
CREATE INDEX memberships_by_member ON memberships (issuer, subject, id);

CREATE TABLE products (
    id              TEXT PRIMARY KEY NOT NULL,
    seller_issuer   TEXT NOT NULL,
    seller_subject  TEXT NOT NULL,
    organisation_id TEXT CONSTRAINT products_organisation_exists REFERENCES organisations (id),
    name            TEXT NOT NULL CONSTRAINT products_name_not_empty CHECK (length(trim(name)) > 0),
    description     TEXT,
    price_cents     INTEGER NOT NULL CONSTRAINT products_price CHECK (price_cents BETWEEN 1 AND 100000000000),
    currency        TEXT NOT NULL CONSTRAINT products_currency CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    stock           INTEGER NOT NULL CONSTRAINT products_stock_not_negative CHECK (stock >= 0),
    withdrawn_at    INTEGER,
    version         INTEGER NOT NULL CONSTRAINT products_version CHECK (version > 0),
    CONSTRAINT products_seller_not_empty CHECK (length(seller_issuer) > 0 AND length(seller_subject) > 0)
) STRICT;

CREATE TABLE orders (
    id               TEXT PRIMARY KEY NOT NULL,
    customer_issuer  TEXT NOT NULL,
    customer_subject TEXT NOT NULL,
    placed_at        INTEGER NOT NULL,
    cancelled_at     INTEGER,
    shipped_lines    INTEGER NOT NULL CONSTRAINT orders_shipped_lines CHECK (shipped_lines >= 0),
    version          INTEGER NOT NULL CONSTRAINT orders_version CHECK (version > 0),
    CONSTRAINT orders_customer_not_empty CHECK (length(customer_issuer) > 0 AND length(customer_subject) > 0),
    CONSTRAINT orders_not_both_shipped_and_cancelled CHECK (cancelled_at IS NULL OR shipped_lines = 0)
) STRICT;
CREATE INDEX orders_by_customer ON orders (customer_issuer, customer_subject, id);

CREATE TABLE order_lines (
    order_id       TEXT NOT NULL CONSTRAINT order_lines_order_exists REFERENCES orders (id),
    line           INTEGER NOT NULL,
    product_id     TEXT NOT NULL CONSTRAINT order_lines_product_exists REFERENCES products (id),
    seller_issuer  TEXT NOT NULL,
    seller_subject TEXT NOT NULL,
    quantity       INTEGER NOT NULL CONSTRAINT order_lines_quantity CHECK (quantity BETWEEN 1 AND 10000),
    price_cents    INTEGER NOT NULL CONSTRAINT order_lines_price CHECK (price_cents BETWEEN 1 AND 100000000000),
    currency       TEXT NOT NULL CONSTRAINT order_lines_currency CHECK (currency GLOB '[A-Z][A-Z][A-Z]'),
    shipped_at     INTEGER,
    PRIMARY KEY (order_id, line),
    CONSTRAINT order_lines_product_once UNIQUE (order_id, product_id)
) STRICT;

CREATE TABLE co_owners (
    id       TEXT PRIMARY KEY NOT NULL,
    order_id TEXT NOT NULL CONSTRAINT co_owners_order_exists REFERENCES orders (id),
    issuer   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    CONSTRAINT co_owners_once UNIQUE (order_id, issuer, subject),
    CONSTRAINT co_owners_not_empty CHECK (length(issuer) > 0 AND length(subject) > 0)
) STRICT;
CREATE INDEX co_owners_by_who ON co_owners (issuer, subject, order_id);

CREATE TABLE delegations (
    id               TEXT PRIMARY KEY NOT NULL,
    grantor_issuer   TEXT NOT NULL,
    grantor_subject  TEXT NOT NULL,
    delegate_issuer  TEXT NOT NULL,
    delegate_subject TEXT NOT NULL,
    scope            TEXT NOT NULL CONSTRAINT delegations_scope CHECK (scope IN ('reading', 'everything')),
    granted_at       INTEGER NOT NULL,
    until            INTEGER NOT NULL,
    CONSTRAINT delegations_end_after_they_begin CHECK (until > granted_at),
    CONSTRAINT delegations_not_to_oneself
        CHECK (grantor_issuer <> delegate_issuer OR grantor_subject <> delegate_subject)
) STRICT;
CREATE INDEX delegations_by_grantor ON delegations (grantor_issuer, grantor_subject, id);
CREATE INDEX delegations_by_delegate ON delegations (delegate_issuer, delegate_subject, id);

CREATE TABLE audit_records (
    id         TEXT PRIMARY KEY NOT NULL,
    at         INTEGER NOT NULL,
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    operation  TEXT NOT NULL,
    resource   TEXT NOT NULL,
    outcome    TEXT NOT NULL CONSTRAINT audit_records_outcome CHECK (outcome IN ('done', 'rejected')),
    reason     TEXT,
    request_id TEXT
) STRICT;
CREATE TRIGGER audit_records_are_never_changed BEFORE UPDATE ON audit_records
BEGIN
    SELECT RAISE(ABORT, 'audit_records_only_grow');
END;
CREATE TRIGGER audit_records_are_never_removed BEFORE DELETE ON audit_records
BEGIN
    SELECT RAISE(ABORT, 'audit_records_only_grow');
END;
-- INSERT OR REPLACE removes a row without a word to the trigger above
CREATE TRIGGER audit_records_are_never_replaced BEFORE INSERT ON audit_records
WHEN EXISTS (SELECT 1 FROM audit_records WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'audit_records_only_grow');
END;

CREATE TABLE idempotency_keys (
    issuer      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    method      TEXT NOT NULL,
    route       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    order_id    TEXT NOT NULL CONSTRAINT idempotency_keys_order_exists REFERENCES orders (id),
    CONSTRAINT idempotency_keys_once UNIQUE (issuer, subject, method, route, key)
) STRICT;
