//! What every command needs: the folder, how to open it, and where to print.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use tidings::{Node, NodeBuilder};

use crate::args::{Args, Command};
use crate::failure::{Failure, Result};
use crate::output::Out;

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) dir: PathBuf,
    local: bool,
    pub(crate) out: Out,
}

impl Context {
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let dir = match &args.dir {
            Some(dir) => dir.clone(),
            None => etcetera::choose_base_strategy()?.data_dir().join("tidings"),
        };
        Ok(Self {
            dir,
            local: args.local,
            out: Out::new(args.json, !matches!(args.command, Command::Run)),
        })
    }

    /// Opens the folder without network, does the work, and closes it again.
    pub(crate) async fn offline<T>(&self, work: impl AsyncFnOnce(&Node) -> Result<T>) -> Result<T> {
        self.must_exist()?;
        self.with(self.builder().offline(), work).await
    }

    /// Opens the folder and goes online, does the work, and closes it again.
    pub(crate) async fn online<T>(&self, work: impl AsyncFnOnce(&Node) -> Result<T>) -> Result<T> {
        self.must_exist()?;
        self.with(self.builder(), work).await
    }

    /// Like [`offline`](Self::offline), but makes the identity if there is none.
    pub(crate) async fn create<T>(&self, work: impl AsyncFnOnce(&Node) -> Result<T>) -> Result<T> {
        self.with(self.builder().offline(), work).await
    }

    fn builder(&self) -> NodeBuilder {
        let builder = Node::builder();
        if self.local {
            builder.local_only()
        } else {
            builder
        }
    }

    async fn with<T>(
        &self,
        builder: NodeBuilder,
        work: impl AsyncFnOnce(&Node) -> Result<T>,
    ) -> Result<T> {
        let node = builder.open(&self.dir).await?;
        for path in node.tightened() {
            let path = path.display();
            eprintln!("timeline: others on this machine could look into {path}; now they cannot");
        }
        let result = work(&node).await;
        // What was written is safe already; this ends connections politely and lets others open the folder.
        let closed = node.shutdown().await;
        let result = result?;
        closed?;
        Ok(result)
    }

    /// Whether there is an identity in the folder.
    pub(crate) fn has_identity(&self) -> bool {
        let files = ["keys", "store.redb"];
        files.iter().any(|file| self.dir.join(file).exists())
    }

    /// A slip in `--dir` should not make a new person, so only `init` does.
    fn must_exist(&self) -> Result {
        if !self.has_identity() {
            let dir = self.dir.display();
            return Err(Failure::said(format!(
                "there is no identity in {dir}; `timeline init --name NAME` makes one"
            )));
        }
        Ok(())
    }
}
