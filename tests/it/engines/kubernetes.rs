//! Kubernetes: the manifest, checked as strictly as by the API server, and each pod's command run as a process.

use std::{fs, process::Command};

use serde_json::Value;

use crate::{
    engines::{Room, commands},
    support,
};

/// What a pod would run, as `peers/kubernetes` prints it.
fn pods(check: &std::path::Path) -> Vec<Value> {
    let checked = support::output(Command::new(check).arg(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/contrib/kubernetes.yaml"
    )));
    assert_eq!(checked.status, 0, "{checked:?}");
    let lines = checked.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn pods_of_the_kubernetes_job_merge_into_the_single_run() {
    let Some(check) = support::tool("labrpc-manifest") else {
        return;
    };
    assert!(commands("kubernetes").contains("kubectl apply -f contrib/kubernetes.yaml\n"));
    let room = Room::open();
    let pods = pods(&check);
    assert_eq!(pods.len(), 8);
    for pod in pods {
        // The volume that the pods share, and the ConfigMap.
        let arguments = pod["args"].as_array().unwrap().iter().map(|argument| {
            let argument = argument.as_str().unwrap();
            let argument =
                argument.replace("=/runs/", &format!("={}/", room.path("runs").display()));
            let hosts = format!("={}", room.path("hosts.txt").display());
            argument.replace("=/hosts/hosts.txt", &hosts)
        });
        let ran = support::run(arguments);
        assert_eq!(ran.status, 0, "{ran:?}");
    }
    assert_eq!(fs::read_dir(room.path("runs")).unwrap().count(), 8);
    room.expect_equal("runs/*.jsonl");
}

#[test]
fn list_of_the_kubernetes_job_is_a_list_of_hosts() {
    let Some(check) = support::tool("labrpc-manifest") else {
        return;
    };
    let hosts = &pods(&check)[0]["hosts"];
    let folder = tempfile::tempdir().unwrap();
    let file = support::file(
        folder.path(),
        "hosts.txt",
        hosts["hosts.txt"].as_str().unwrap(),
    );
    let listed = support::output(
        support::labrpc()
            .args(["survey", "--list", "--hosts"])
            .arg(file),
    );
    assert_eq!(
        (listed.status, listed.stdout.lines().count()),
        (0, 4096),
        "{listed:?}"
    );
}
