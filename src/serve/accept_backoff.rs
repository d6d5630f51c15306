//! Accepting connections when accept(2) fails.
//!
//! A lack of descriptors or memory lasts. A loop that tries again at once uses a whole core, and that time is missing
//! where connections end and give descriptors back.

use std::{io, time::Duration};

use tokio::time::sleep;

const FIRST_BACKOFF: Duration = Duration::from_millis(5);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// The time until the next attempt after a failed accept(2): twice as long after each failure in a row.
pub(crate) struct AcceptBackoff(Duration);

impl Default for AcceptBackoff {
    fn default() -> Self {
        Self(FIRST_BACKOFF)
    }
}

impl AcceptBackoff {
    /// The next connection, after as many attempts as it takes.
    pub(crate) async fn accept<T, F>(&mut self, mut accept: impl FnMut() -> F) -> T
    where
        F: Future<Output = io::Result<T>>,
    {
        loop {
            match accept().await {
                Ok(accepted) => {
                    self.0 = FIRST_BACKOFF;
                    return accepted;
                }
                Err(error) => self.wait(&error).await,
            }
        }
    }

    async fn wait(&mut self, error: &io::Error) {
        // These concern a connection that has ended already, not the listener or this process.
        if matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::Interrupted
        ) {
            return;
        }
        let backoff = self.0;
        tracing::warn!(%error, ?backoff, "accept failed");
        self.0 = (2 * backoff).min(MAX_BACKOFF);
        sleep(backoff).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn backoff_doubles_up_to_a_second_and_is_reset_by_a_success() {
        let mut backoff = AcceptBackoff::default();
        // The time of an accept(2) that fails `failures` times.
        let accept = async |backoff: &mut AcceptBackoff, failures, kind: io::ErrorKind| {
            let start = Instant::now();
            let mut left = failures;
            backoff
                .accept(|| {
                    let failed = left > 0;
                    left -= i32::from(failed);
                    std::future::ready(if failed { Err(kind.into()) } else { Ok(()) })
                })
                .await;
            start.elapsed().as_millis()
        };
        let sums = [5, 15, 35, 75, 155, 315, 635, 1275, 2275, 3275];
        for (failures, sum) in (1..).zip(sums) {
            let took = accept(&mut backoff, failures, io::ErrorKind::OutOfMemory).await;
            assert_eq!(took, sum, "{failures}");
        }
        let gone = io::ErrorKind::ConnectionAborted;
        assert_eq!(accept(&mut backoff, 10, gone).await, 0);
    }
}
