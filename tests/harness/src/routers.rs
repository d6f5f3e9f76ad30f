//! Services in other languages, each with a route for each path template (`tests/routers`). A
//! service answers with the target that it got, the template of the route that its router chose
//! (empty: none), the parameters and the assertion.
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::artifacts::{root, target};
use crate::folder::Folder;
use crate::ports::Port;
use crate::process::{Launch, Process};
use crate::tools::{self, Tomcat};
use crate::{Error, Result};

const START: Duration = Duration::from_mins(1);

/// A router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Router {
    /// JavaScript: Express, on Node.
    Express,
    /// Python: Starlette, on Uvicorn.
    Starlette,
    /// Go: the `ServeMux` of `net/http`.
    Go,
    /// Java: the servlet container Tomcat.
    Tomcat,
}

/// A running router.
#[derive(Debug)]
pub struct Running {
    /// Which one.
    pub router: Router,
    _process: Process,
    port: Port,
}

impl Router {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Express, Self::Starlette, Self::Go, Self::Tomcat];

    /// Its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Express => "express",
            Self::Starlette => "starlette",
            Self::Go => "go",
            Self::Tomcat => "tomcat",
        }
    }

    /// Starts it with these templates, the most specific one first, and waits until it listens.
    ///
    /// # Errors
    /// A part of it cannot be fetched or built, or it does not start.
    pub async fn start(self, folder: &Folder, templates: &[&str]) -> Result<Running> {
        let port = Port::free()?;
        let launch = self.launch(folder)?.arg(port.number().to_string()).args(templates);
        let mut process = launch.start(&folder.join(&format!("{}.log", self.name())))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.number()));
        process.ready(START, async || TcpStream::connect(address).await.is_ok()).await?;
        Ok(Running { router: self, _process: process, port })
    }

    fn launch(self, folder: &Folder) -> Result<Launch> {
        let programs = root().join("tests/routers");
        let launch = |program: &Path| Launch::new(self.name(), program);
        match self {
            Self::Express => {
                let launch = launch(&tools::node()?).env("NODE_PATH", tools::express()?);
                Ok(launch.arg(programs.join("express/routes.js")))
            }
            Self::Starlette => {
                Ok(launch(&tools::starlette()?).arg(programs.join("starlette/routes.py")))
            }
            Self::Go => {
                let program = folder.join("routes");
                let mut go = Command::new(tools::go()?);
                go.args(["build", "-o"]).arg(&program).arg(programs.join("go/routes.go"));
                // what it compiles of its library is kept: it takes a minute
                go.env("GOCACHE", target().join("tools/go-cache"))
                    .env("GOTOOLCHAIN", "local")
                    .env("CGO_ENABLED", "0");
                compile(self, &mut go)?;
                Ok(launch(&program))
            }
            Self::Tomcat => {
                let Tomcat { class_path, compiler } = tools::tomcat()?;
                let java = tools::java_home()?.join("bin/java");
                let [classes, base] = ["classes", "tomcat"].map(|name| folder.join(name));
                fs::create_dir_all(&base)
                    .map_err(Error::io(format!("create {}", base.display())))?;
                let mut javac = Command::new(&java);
                javac.arg("-jar").arg(compiler).args([
                    "-21",
                    "-nowarn",
                    "-classpath",
                    &class_path,
                    "-d",
                ]);
                compile(self, javac.arg(&classes).arg(programs.join("tomcat/Routes.java")))?;
                let class_path = format!("{}:{class_path}", classes.display());
                Ok(launch(&java).args(["-classpath", &class_path, "Routes"]).arg(base))
            }
        }
    }
}

impl Running {
    /// Its port of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }
}

fn compile(router: Router, compiler: &mut Command) -> Result<()> {
    let what = format!("compiling the routes for {}", router.name());
    tools::step(&what, compiler, "see what the compiler says below")
}
