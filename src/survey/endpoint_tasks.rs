//! Tasks that run at the same time, each for one endpoint of a list.

use std::collections::HashMap;

use tokio::task::{Id, JoinError, JoinSet};

/// The running tasks. Dropping them ends them.
pub(crate) struct EndpointTasks<T> {
    tasks: JoinSet<T>,
    /// The endpoint of each task, kept outside of it because a task that panics returns nothing.
    indices: HashMap<Id, u32>,
}

impl<T> Default for EndpointTasks<T> {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            indices: HashMap::new(),
        }
    }
}

impl<T: Send + 'static> EndpointTasks<T> {
    pub(crate) fn start(&mut self, index: u32, task: impl Future<Output = T> + Send + 'static) {
        let task = self.tasks.spawn(task);
        self.indices.insert(task.id(), index);
    }

    /// The endpoint of the next task that ends, and its result; without one if it has panicked.
    pub(crate) async fn next(&mut self) -> Option<(u32, Option<T>)> {
        let ended = self.tasks.join_next_with_id().await?;
        self.resolve_id(ended)
    }

    /// The next one that has ended already.
    pub(crate) fn try_next(&mut self) -> Option<(u32, Option<T>)> {
        let ended = self.tasks.try_join_next_with_id()?;
        self.resolve_id(ended)
    }

    fn resolve_id(&mut self, ended: Result<(Id, T), JoinError>) -> Option<(u32, Option<T>)> {
        let (task, result) = match ended {
            Ok((task, result)) => (task, Some(result)),
            Err(error) => (error.id(), None),
        };
        Some((self.indices.remove(&task)?, result))
    }

    /// The endpoints whose tasks are running.
    pub(crate) fn running(&self) -> impl ExactSizeIterator<Item = u32> {
        self.indices.values().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn panic_in_a_task_costs_its_own_endpoint_only() {
        let mut tasks = EndpointTasks::default();
        tasks.start(3, async { panic!("on purpose") });
        tasks.start(4, async { "done" });
        let mut ended = [tasks.next().await.unwrap(), tasks.next().await.unwrap()];
        ended.sort_unstable();
        assert_eq!(ended, [(3, None), (4, Some("done"))]);
        assert!(tasks.next().await.is_none());
        assert_eq!(tasks.running().len(), 0);
    }
}
