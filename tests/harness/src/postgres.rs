//! A real PostgreSQL on a free port, with a data directory of its own that is gone when it ends.
use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::ports::Port;
use crate::process::{Launch, Process, User};
use crate::{Error, Result, keys, tools};

const START: Duration = Duration::from_mins(1);
/// The superuser, and the database that is there from the start.
const OWNER: &str = "postgres";

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    server: Launch,
    psql: Launch,
    port: Port,
    password: String,
    folder: TempDir,
}

impl Postgres {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// PostgreSQL is not installed, or does not become ready.
    pub async fn start() -> Result<Self> {
        let programs = tools::postgres()?;
        let (port, password) = (Port::free()?, keys::secret());
        // it refuses to run as root
        let user = User::unprivileged(&["postgres", "nobody"]);
        let folder = folder(user, &password)?;
        let [data, sockets] =
            ["data", "."].map(|name| folder.path().join(name).display().to_string());
        let number = port.number().to_string();

        let initdb = Launch::new("initdb", programs.initdb).user(user);
        let initdb =
            initdb.args(["--username", OWNER, "--auth", "scram-sha-256", "--encoding", "UTF8"]);
        let initdb =
            initdb.args(["--no-sync", "--pwfile", &format!("{sockets}/password"), "-D", &data]);
        initdb.start(&folder.path().join("initdb.log"))?.finished(START).await?;

        // what a crash of the machine would lose is lost with the folder anyway
        let server = Launch::new("postgres", programs.server).user(user).stop_signal(Signal::INT);
        let server = server.args(["-D", &data, "-k", &sockets, "-p", &number, "-c", "fsync=off"]);
        let server = server.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200"]);
        let psql = Launch::new("psql", programs.psql).env("PGPASSWORD", &password);
        let psql =
            psql.args(["-X", "-h", "127.0.0.1", "-p", &number, "-U", OWNER, "-d", OWNER, "-c"]);
        let process = server.start(&log(&folder))?;
        let mut postgres = Self { process, server, psql, port, password, folder };
        postgres.ready().await?;
        Ok(postgres)
    }

    /// The URL of a new, empty database.
    ///
    /// # Errors
    /// There is one of that name, or the server does not answer.
    pub async fn database(&self, name: &str) -> Result<String> {
        self.sql(&format!("CREATE DATABASE \"{name}\"")).await?;
        Ok(format!("postgres://{OWNER}:{}@127.0.0.1:{}/{name}", self.password, self.port.number()))
    }

    /// The process: its log, its id.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to end it.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Ends it, if it still runs, and starts it again: same port, same data.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub async fn restart(&mut self) -> Result<()> {
        self.process.stop(Duration::from_secs(20));
        self.process = self.server.start(&log(&self.folder))?;
        self.ready().await
    }

    async fn sql(&self, statement: &str) -> Result<()> {
        let psql = self.psql.clone().arg(statement).start(&self.folder.path().join("psql.log"))?;
        psql.finished(START).await
    }

    async fn ready(&mut self) -> Result<()> {
        let (psql, log) = (self.psql.clone().arg("SELECT 1"), self.folder.path().join("psql.log"));
        let answers = async || match psql.start(&log) {
            Ok(psql) => psql.finished(START).await.is_ok(),
            Err(_) => false,
        };
        self.process.ready(START, answers).await
    }
}

/// A folder that the server's user owns, with the password in it. Not under the target directory,
/// which that user may not be able to reach.
fn folder(user: Option<User>, password: &str) -> Result<TempDir> {
    let make = || {
        let folder = TempDir::with_prefix("portcullis-postgres-")?;
        let secret = folder.path().join("password");
        fs::write(&secret, password)?;
        for path in [folder.path(), &secret] {
            if let Some(User { uid, gid }) = user {
                chown(path, Some(uid), Some(gid))?;
            }
        }
        Ok(folder)
    };
    make().map_err(Error::io("make a folder for PostgreSQL"))
}

fn log(folder: &TempDir) -> PathBuf {
    folder.path().join("postgres.log")
}
