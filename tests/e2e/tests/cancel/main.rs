//! A program of its own: what is counted are the threads and the memory of its process, and other tests have some, too.

// `cfg(test)` is what lets the lints see that all of it is test code.
#[cfg(test)]
mod dropped;
