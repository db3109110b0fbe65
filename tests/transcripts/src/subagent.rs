//! What runs beside the main transcript: subagents with their sidecars, workflow runs with their journals.

use fastrand::Rng;

use crate::chain::{Chain, Uuid, put};
use crate::session::{AgentCall, result_bytes};
use crate::text::Text;

/// A subagent's transcript and sidecar.
#[derive(Debug)]
pub(crate) struct Subagent {
    pub(crate) id: String,
    pub(crate) transcript: String,
    pub(crate) sidecar: String,
}

impl Subagent {
    pub(crate) fn new(rng: &mut Rng, text: &Text, session: Uuid, cwd: &str, call: &AgentCall) -> Self {
        let id = agent_id(rng);
        let mut chain = Chain::of_agent(session, cwd, &id);
        Self {
            transcript: transcript(rng, text, &mut chain),
            sidecar: sidecar(rng, call),
            id,
        }
    }
}

/// The journal of a workflow run: which agent began and ended when.
pub(crate) fn journal(run: &str, agents: &[String]) -> String {
    let mut journal = String::new();
    for agent in agents {
        for event in ["started", "finished"] {
            put(
                &mut journal,
                format_args!(r#"{{"type":"{event}","runId":"{run}","agentId":"{agent}"}}"#),
            );
            journal.push('\n');
        }
    }
    journal
}

fn agent_id(rng: &mut Rng) -> String {
    format!("a{:016x}", rng.u64(..))
}

fn transcript(rng: &mut Rng, text: &Text, chain: &mut Chain) -> String {
    let mut out = String::new();
    let prompt = text.of(rng, 300);
    let message = format_args!(r#""message":{{"role":"user","content":"{prompt}"}}"#);
    chain.row(rng, &mut out, "user", message);
    for _ in 0..rng.usize(1..8) {
        call_and_result(rng, text, chain, &mut out);
    }
    let answer = text.of(rng, 800);
    let block = format!(r#"{{"type":"text","text":"{answer}"}}"#);
    assistant(rng, chain, &mut out, &block);
    out
}

fn call_and_result(rng: &mut Rng, text: &Text, chain: &mut Chain, out: &mut String) {
    let id = format!("toolu_{:024x}", rng.u128(..) >> 32);
    let input = text.of(rng, 80);
    let block = format!(r#"{{"type":"tool_use","id":"{id}","name":"Grep","input":{{"pattern":"{input}"}}}}"#);
    assistant(rng, chain, out, &block);
    let bytes = result_bytes(rng);
    let result = text.output(rng, bytes);
    let block = format!(r#"{{"tool_use_id":"{id}","type":"tool_result","content":"{result}"}}"#);
    let message = format_args!(r#""message":{{"role":"user","content":[{block}]}}"#);
    chain.row(rng, out, "user", message);
}

fn assistant(rng: &mut Rng, chain: &mut Chain, out: &mut String, block: &str) {
    let id = rng.u64(..);
    let message = format_args!(r#""message":{{"id":"msg_{id:024x}","role":"assistant","content":[{block}]}}"#);
    chain.row(rng, out, "assistant", message);
}

/// Compact JSON on one line, without LF.
fn sidecar(rng: &mut Rng, call: &AgentCall) -> String {
    let AgentCall {
        tool_use_id,
        description,
    } = call;
    let depth = rng.u8(1..3);
    format!(
        r#"{{"agentType":"Explore","isBuiltIn":true,"description":"{description}","toolUseId":"{tool_use_id}","spawnDepth":{depth},"model":"made-up-model","finished":true}}"#
    )
}
