use std::sync::Arc;

use mirrorbox::host::Host;
use mirrorbox_bindings::{event, time, undelivered};
use napi::Env;
use napi::bindgen_prelude::{Function, PromiseRaw, Result};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use serde_json::{Value, json};

use crate::failure::{invalid, thrown};
use crate::hosts::{self, Directories, Opened, User};

/// So many events wait for JavaScript at most; those beyond are counted, and said to be missed.
const WAITING_EVENTS: usize = 1024;

/// A host as one thread of JavaScript uses it. What a promise waits for holds on to what it needs: the thread, and this
/// with it, may end at any time.
#[napi]
#[derive(Debug)]
pub struct NativeHost {
    user: Arc<User>,
}

/// Opens the host of a configuration directory and a state directory, or joins those of this process who use it.
#[napi]
pub async fn open_host(config: String, state: String, command: Option<String>) -> Result<NativeHost> {
    let directories = Directories {
        config: config.into(),
        state: state.into(),
    };
    let user = hosts::open(directories, command.map(Into::into))
        .await
        .map_err(thrown)?;
    Ok(NativeHost { user: Arc::new(user) })
}

/// Closes every host of this process; each delivers for so many seconds at most. What remains, as JSON. Blocks: it is
/// for the end of the process.
#[napi]
pub fn close_all(seconds: f64) -> String {
    let closed = hosts::close_all(time(seconds)).into_iter().map(|(state, left)| {
        let left = match left {
            Ok(left) => undelivered(&left),
            Err(failed) => json!({"text": failed.to_string(), "adopting": true, "left": []}),
        };
        json!({"state": state, "left": left})
    });
    Value::from_iter(closed).to_string()
}

impl NativeHost {
    pub(crate) fn opened(&self) -> &Opened {
        &self.user.opened
    }
}

#[napi]
impl NativeHost {
    /// Delivers what is there, for so many seconds at most. What remains, as JSON.
    #[napi]
    pub fn flush<'env>(&self, env: &'env Env, seconds: f64) -> Result<PromiseRaw<'env, String>> {
        let flush = self.opened().with(|host| host.flush(time(seconds))).map_err(thrown)?;
        env.spawn_future(async move {
            let left = flush.await.map_err(thrown)?;
            Ok(undelivered(&left).to_string())
        })
    }

    /// How every stream is doing at every destination, as JSON.
    #[napi]
    pub fn status(&self) -> Result<String> {
        let status = self.opened().with(Host::status).map_err(thrown)?;
        serde_json::to_string(&status).map_err(invalid)
    }

    /// Destinations that wait before a retry are tried now.
    #[napi]
    pub fn retry(&self) -> Result<()> {
        self.opened().with(Host::retry).map_err(thrown)
    }

    /// Calls a function with each event from now on, as JSON, and with nothing once the host is closed. It keeps no
    /// process running.
    #[napi]
    pub fn listen(&self, listener: Function<'_, Option<String>, ()>) -> Result<()> {
        let mut events = self.opened().with(Host::events).map_err(thrown)?;
        let mut closed = Box::pin(self.opened().closed());
        let listener = listener
            .build_threadsafe_function()
            .weak::<true>()
            .max_queue_size::<WAITING_EVENTS>()
            .build()?;
        napi::bindgen_prelude::spawn(async move {
            let mut missed = 0_u64;
            loop {
                let next = tokio::select! {
                    biased;
                    next = events.next() => next,
                    () = &mut closed => None,
                };
                let Some(next) = next else { break };
                let mut said = event(&next);
                if let Some(said) = said.as_object_mut().filter(|_| missed > 0) {
                    said.insert("missed_before".to_owned(), missed.into());
                }
                match listener.call(Some(said.to_string()), ThreadsafeFunctionCallMode::NonBlocking) {
                    napi::Status::Ok => missed = 0,
                    napi::Status::QueueFull => missed += 1,
                    // The thread that listened is gone.
                    _ => return,
                }
            }
            listener.call(None, ThreadsafeFunctionCallMode::Blocking);
        });
        Ok(())
    }

    /// This thread does not use it any more. The last one closes it: it accepts nothing, and delivers for so many
    /// seconds at most. What remains, as JSON; nothing where others use it.
    #[napi]
    pub fn release<'env>(&self, env: &'env Env, seconds: f64) -> Result<PromiseRaw<'env, Option<String>>> {
        let user = self.user.clone();
        env.spawn_future(async move {
            let left = hosts::release(user, time(seconds)).await.map_err(thrown)?;
            Ok(left.map(|left| undelivered(&left).to_string()))
        })
    }
}
