//! The calls that a bare server makes: a function of one row.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Pool, PoolConfig, PoolError, QueueMode, RecyclingMethod, Runtime, Timeouts,
};
use tokio_postgres::types::Type;
use tokio_postgres::{Config, NoTls};

/// What follows is as the server's store has it unless it is told otherwise: how many connections, and how long one is waited
/// for.
const CONNECTIONS: usize = 32;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Functions in the language of the server's, each with its answer of one row: one finds it, one writes it.
const FUNCTIONS: &str = "
CREATE TABLE IF NOT EXISTS watchword_bench_row (id bigserial PRIMARY KEY, given text NOT NULL);
INSERT INTO watchword_bench_row VALUES (0, '') ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION watchword_bench_find(given text) RETURNS TABLE (id bigint, answer text) LANGUAGE plpgsql
AS $$ BEGIN RETURN QUERY SELECT r.id, $1 FROM watchword_bench_row AS r WHERE r.id = 0; END $$;
CREATE OR REPLACE FUNCTION watchword_bench_write(given text) RETURNS TABLE (id bigint, answer text) LANGUAGE plpgsql
AS $$ BEGIN RETURN QUERY INSERT INTO watchword_bench_row AS r (given) VALUES ($1) RETURNING r.id, r.given; END $$;
";

const FIND: &str = "SELECT * FROM watchword_bench_find($1)";
const WRITE: &str = "SELECT * FROM watchword_bench_write($1)";

/// What is given with each call: as long as an id.
const GIVEN: &str = "b19aa2ee5d67-1f40-3-123456";

/// Connections as the store makes them, and what is said over them.
#[derive(Clone)]
pub(super) struct Postgres(Arc<Shared>);

struct Shared {
    pool: Pool,
    statement: &'static str,
}

/// Why a call went wrong.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(super) enum CallError {
    Pool(#[from] PoolError),
    Server(#[from] tokio_postgres::Error),
}

impl Postgres {
    /// Makes the functions; what is called `writes` a row, or finds one.
    pub(super) async fn connect(config: Config, writes: bool) -> Result<Self, CallError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let timeouts = Timeouts { wait: Some(TIMEOUT), create: Some(TIMEOUT), recycle: Some(TIMEOUT) };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .config(PoolConfig { max_size: CONNECTIONS, timeouts, queue_mode: QueueMode::Lifo })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| PoolError::NoRuntimeSpecified)?;
        pool.get().await?.batch_execute(FUNCTIONS).await?;
        let statement = if writes { WRITE } else { FIND };
        Ok(Self(Arc::new(Shared { pool, statement })))
    }

    /// One call.
    pub(super) async fn call(&self) -> Result<(), CallError> {
        let connection = self.0.pool.get().await?;
        connection.query_typed(self.0.statement, &[(&GIVEN, Type::TEXT)]).await?;
        Ok(())
    }
}
