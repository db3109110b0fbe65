//! Keys, paths, summaries and what is done with stored sessions against the agent's own Python SDK, on generated input.
//!
//! The SDK is asked through `oracle.py`, run by `$MIRRORBOX_ORACLE_PYTHON`, else `target/oracle/bin/python`, else
//! `python3`. Where none of them has the package `claude_agent_sdk` (0.2.186), each test says so and passes. To have
//! it:
//!
//! ```text
//! python3 -m venv target/oracle && target/oracle/bin/pip install claude-agent-sdk==0.2.186
//! ```
//!
//! What Mirrorbox does otherwise on purpose is in `docs/sessions.md`, and asserted in `differences`.

// All of it is test code, what the tests share too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod differences;
mod edits;
mod keys;
mod made;
mod sdk;
mod sessions;
mod summaries;
