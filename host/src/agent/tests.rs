//! Runs without an agent: a test says what it prints and writes, and when their hosts are killed.

mod killed;
