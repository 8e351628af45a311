/**
 * Every SQL text of the store, for SQLite and PostgreSQL alike: `$1` parameters, `on conflict`, `returning`, partial
 * indexes. Flags are small integers, since SQLite has no booleans.
 */

/** Grows with every change of the tables. A later one is refused, an earlier one will be migrated. */
export const SCHEMA = 1;

export const TABLES = [
  `create table if not exists meta (name text primary key, value text not null)`,
  // `changes` counts the key's writes. Every writing transaction updates this row first: in PostgreSQL that locks it,
  // so the writers of a key follow each other there too.
  `create table if not exists leases (
    service text not null, environment text not null, fence bigint not null, beat bigint not null,
    released smallint not null, holder text, changes bigint not null, primary key (service, environment))`,
  `create table if not exists deployments (
    id text primary key, service text not null, environment text not null, number bigint not null,
    is_open smallint not null, pruned smallint not null, seq bigint not null, size bigint not null,
    unique (service, environment, number))`,
  `create unique index if not exists one_open_deployment on deployments (service, environment) where is_open = 1`,
  `create table if not exists events (
    deployment text not null references deployments (id), seq bigint not null, at bigint not null, body text not null,
    primary key (deployment, seq))`,
  `create table if not exists history (
    service text not null, environment text not null, number bigint not null, body text not null,
    primary key (service, environment, number))`,
] as const;

export const READ_SCHEMA = `select value from meta where name = 'schema'`;
export const WRITE_SCHEMA = `insert into meta (name, value) values ('schema', $1) on conflict (name) do nothing`;

/** First statement of every writing transaction. */
export const LOCK_KEY = `insert into leases (service, environment, fence, beat, released, holder, changes)
  values ($1, $2, 0, 0, 1, null, 1)
  on conflict (service, environment) do update set changes = leases.changes + 1
  returning fence, beat, released, holder`;

export const READ_LEASE = `select fence, beat, released, holder from leases where service = $1 and environment = $2`;
/** $4, $5: fence and beat as seen; $6: the highest fence that is known elsewhere. */
export const TAKE_LEASE = `update leases set fence = max(fence, $6) + 1, beat = 0, released = 0, holder = $3
  where service = $1 and environment = $2 and (released = 1 or (fence = $4 and beat = $5)) returning fence`;
export const BEAT = `update leases set beat = beat + 1
  where service = $1 and environment = $2 and fence = $3 and released = 0 returning beat`;
/** Fence 0: nobody ever took it, so nobody can release it. */
export const RELEASE = `update leases set released = 1
  where service = $1 and environment = $2 and fence = $3 and fence > 0 returning fence`;

export const FIND_OPEN = `select id, number from deployments where service = $1 and environment = $2 and is_open = 1`;
export const FIND_DEPLOYMENT = `select is_open, pruned, seq, size from deployments
  where id = $1 and service = $2 and environment = $3`;
export const ID_USED = `select 1 from deployments where id = $1`;
export const ADD_DEPLOYMENT = `insert into deployments (id, service, environment, number, is_open, pruned, seq, size)
  values ($1, $2, $3,
    (select coalesce(max(number), 0) + 1 from deployments where service = $2 and environment = $3), 1, 0, 0, 0)
  returning number`;
/** $4: the number of the last event before, so that of two writers one changes nothing. */
export const ADVANCE = `update deployments set seq = $2, size = $3 where id = $1 and seq = $4 and is_open = 1 returning seq`;
export const CLOSE_DEPLOYMENT = `update deployments set is_open = 0 where id = $1 returning number`;

export const ADD_EVENT = `insert into events (deployment, seq, at, body) values ($1, $2, $3, $4)`;
export const READ_EVENTS = `select seq, at, body from events where deployment = $1 and seq > $2 order by seq`;

export const ADD_HISTORY = `insert into history (service, environment, number, body) values ($1, $2, $3, $4)`;
export const READ_HISTORY = `select body from history where service = $1 and environment = $2
  order by number desc limit $3`;

/** $3: the newest number whose events go. */
export const PRUNABLE = `select id from deployments
  where service = $1 and environment = $2 and number <= $3 and is_open = 0 and pruned = 0`;
export const DROP_EVENTS = `delete from events where deployment = $1`;
export const MARK_PRUNED = `update deployments set pruned = 1 where id = $1`;
