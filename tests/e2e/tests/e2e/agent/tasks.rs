//! Tasks: each run of a task goes on with the task's session, on any machine.

use mirrorbox_e2e::{Backend, Claude, Installation, Machine, Running};

#[test]
fn a_task_goes_on_with_its_session_on_another_machine() {
    let Some(claude) = Claude::installed() else { return };
    let [first, second, store] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let backend = Backend::start("fs", store.path()).unwrap();
    let machine = Machine::new(first.path(), Installation::with(first.path(), &backend));
    let task = ["--task", "nightly/report"];
    let told = machine.ask(&claude, &task, "The code is PINEAPPLE-42.").succeeded();
    drop(first);
    let machine = Machine::new(second.path(), Installation::with(second.path(), &backend));
    let recalled = machine.ask(&claude, &task, "RECALL").succeeded();
    assert_eq!(
        (recalled.session(), recalled.result()),
        (told.session(), "PINEAPPLE-42".to_owned())
    );
    let listed = machine.installed.json(["sessions"]);
    assert_eq!(
        listed["sessions"].as_array().unwrap().len(),
        1,
        "tasks are not listed: {listed}"
    );

    let copied = machine
        .ask(
            &claude,
            &["--task", "nightly/report", "--fork"],
            "The code is MELON-43.",
        )
        .succeeded();
    assert_ne!(copied.session(), told.session());
    let recalled = machine.ask(&claude, &task, "RECALL").succeeded();
    assert_eq!(
        recalled.session(),
        copied.session(),
        "the copy is the task's session now"
    );
    assert_eq!(recalled.result(), "PINEAPPLE-42 MELON-43");
}

#[test]
fn two_machines_that_begin_a_task_at_once_work_on_one_session() {
    let Some(claude) = Claude::installed() else { return };
    let store = tempfile::tempdir().unwrap();
    let backend = Backend::start("fs", store.path()).unwrap();
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let machines = dirs
        .each_ref()
        .map(|dir| Machine::new(dir.path(), Installation::with(dir.path(), &backend)));
    let task = ["--task", "one", "--deliver", "120s"];
    let running = machines
        .each_ref()
        .map(|machine| Running::start(machine.asking(&claude, &task, "hi")));
    let [one, other] = running.map(|running| running.end().succeeded().session());
    assert_eq!(one, other);
}
