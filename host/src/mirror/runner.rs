use tokio::runtime::Handle;
use tokio::task::JoinHandle;

#[cfg(test)]
use super::tests::simulation::conductor::Troupe;

/// Where a mirror's tasks run.
#[derive(Debug)]
pub(super) enum Runner {
    Tokio(Handle),
    /// In an order that a seed decides.
    #[cfg(test)]
    Conducted(Troupe),
}

impl Runner {
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        match self {
            Self::Tokio(runtime) => runtime.spawn(task),
            #[cfg(test)]
            Self::Conducted(troupe) => troupe.spawn(task),
        }
    }
}
