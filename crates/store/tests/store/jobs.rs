//! The job queue and the schedules.
use super::{at, ports};
use signet_base::{Conflict, Error, Timestamp, Uuid, json};
use signet_store::bus::{Notice, Topic};
use signet_store::jobs::{self, DONE, JobRow, QUEUED, RUNNING};
use signet_store::schedules::{self, Schedule, Worker};
use signet_store::testdb::each_database;
use signet_store::{Batch, Db, params};
use std::collections::HashSet;

fn job(due: i64) -> JobRow {
    JobRow {
        id: ports().uuid_v7(),
        queue: "default".into(),
        kind: "test".into(),
        uid: String::new(),
        unique_key: None,
        schedule: None,
        state: QUEUED.into(),
        status: QUEUED.into(),
        attempts: 0,
        due: Some(at(due)),
        lease: None,
        rel_obj_app_label: String::new(),
        rel_obj_model: String::new(),
        rel_obj_id: String::new(),
        payload: "sealed".into(),
        log: json!([]),
        created: at(due),
        updated: at(due),
        expires: None,
    }
}
async fn claim(db: &Db, now: i64, limit: usize) -> Vec<JobRow> {
    jobs::claim(db, "default", ports().uuid(), (at(now), at(now + 30)), limit).await.unwrap()
}
async fn stored(db: &Db, id: Uuid) -> JobRow {
    jobs::by_id(db, id).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_a_lease_is_held_by_one_and_taken_over_when_it_ends() {
    each_database(|db| async move {
        let (early, late, other) = (job(10), job(20), JobRow { queue: "mail".into(), ..job(1) });
        db.batch(jobs::enqueue(&late).then(jobs::enqueue(&early)).then(jobs::enqueue(&other))).await.unwrap();
        assert_eq!(jobs::next_due(&db, "default").await.unwrap(), Some(at(10)));
        assert!(claim(&db, 9, 5).await.is_empty());
        let first = claim(&db, 25, 1).await.remove(0);
        assert_eq!((first.id, first.attempts, first.state.as_str()), (early.id, 1, RUNNING));
        assert_eq!(claim(&db, 25, 5).await.iter().map(|j| j.id).collect::<Vec<_>>(), [late.id]);
        assert!(claim(&db, 25, 5).await.is_empty(), "both are leased");
        // Extended, the lease is good for longer; at its end another worker begins the next attempt.
        assert!(jobs::extend(&db, &first, at(100)).await.unwrap());
        assert_eq!(claim(&db, 60, 5).await.iter().map(|j| j.id).collect::<Vec<_>>(), [late.id]);
        let second = claim(&db, 100, 5).await.into_iter().find(|j| j.id == early.id).unwrap();
        assert_eq!(second.attempts, 2);
        // The first worker has lost it: it neither extends, gives back nor ends it, and nothing of its commit happens.
        assert!(!jobs::extend(&db, &first, at(200)).await.unwrap());
        assert!(!jobs::release(&db, &first, at(200)).await.unwrap());
        let ended = |row: &JobRow| JobRow {
            state: DONE.into(),
            due: None,
            lease: None,
            expires: Some(at(900)),
            ..row.clone()
        };
        let did = || Batch::new().add("UPDATE install SET created = created + 1", params![]);
        let lost = db.batch(jobs::finish(&ended(&first), first.lease.unwrap()).then(did())).await;
        assert!(matches!(lost, Err(Error::Conflict(Conflict::LeaseLost))));
        assert_eq!(stored(&db, early.id).await.state, RUNNING);
        db.batch(jobs::finish(&ended(&second), second.lease.unwrap()).then(did())).await.unwrap();
        let row = stored(&db, early.id).await;
        assert_eq!((row.state.as_str(), row.due, row.lease), (DONE, None, None));
        assert!(claim(&db, 10_000, 5).await.iter().all(|j| j.id != early.id));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_what_is_given_back_has_not_been_an_attempt() {
    each_database(|db| async move {
        let one = job(10);
        db.batch(jobs::enqueue(&one)).await.unwrap();
        let taken = claim(&db, 10, 1).await.remove(0);
        assert!(jobs::release(&db, &taken, at(12)).await.unwrap());
        assert!(claim(&db, 11, 1).await.is_empty());
        assert_eq!(claim(&db, 12, 1).await[0].attempts, 1);
        // The process was killed: the one that comes next takes it at once, and that was an attempt.
        jobs::release_all(&db, at(13)).await.unwrap();
        assert_eq!(claim(&db, 13, 1).await[0].attempts, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_jobs_of_many_workers_each_job_has_one() {
    each_database(|db| async move {
        let all: Vec<JobRow> = (0..60).map(|_| job(1)).collect();
        let batch = all.iter().fold(Batch::new(), |batch, job| batch.then(jobs::enqueue(job)));
        db.batch(batch).await.unwrap();
        let mut workers = Vec::new();
        for _ in 0..6 {
            let db = db.clone();
            workers.push(tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let some = claim(&db, 5, 3).await;
                    if some.is_empty() {
                        return mine;
                    }
                    mine.extend(some.into_iter().map(|job| job.id));
                }
            }));
        }
        let mut taken = Vec::new();
        for worker in workers {
            taken.extend(worker.await.unwrap());
        }
        // Skipped rows can leave a worker without any while others still take theirs: whoever asks again gets the rest.
        taken.extend(claim(&db, 5, 100).await.into_iter().map(|job| job.id));
        assert_eq!((taken.len(), taken.into_iter().collect::<HashSet<_>>().len()), (60, 60));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_a_unique_key_is_queued_once_until_its_job_is_over() {
    each_database(|db| async move {
        let keyed = |due| JobRow { unique_key: Some("sync 7".into()), ..job(due) };
        db.batch(jobs::enqueue(&keyed(1)).then(jobs::enqueue(&keyed(2)))).await.unwrap();
        let taken = claim(&db, 5, 9).await;
        assert_eq!(taken.len(), 1);
        db.batch(jobs::enqueue(&keyed(3))).await.unwrap();
        assert!(claim(&db, 5, 9).await.is_empty(), "it runs");
        let over =
            JobRow { state: DONE.into(), due: None, lease: None, unique_key: None, ..taken[0].clone() };
        db.batch(jobs::finish(&over, taken[0].lease.unwrap())).await.unwrap();
        db.batch(jobs::enqueue(&keyed(4))).await.unwrap();
        assert_eq!(claim(&db, 5, 9).await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_are_queued_and_told_of_with_the_commit_that_asks_for_them() {
    each_database(|db| async move {
        let mut notices = db.bus().subscribe();
        let one = job(1);
        let refused = jobs::enqueue(&one)
            .add("UPDATE install SET created = 1 WHERE one = 2", params![])
            .expect_rows(1, Conflict::Used);
        assert!(db.batch(refused).await.is_err());
        assert!(jobs::by_id(&db, one.id).await.unwrap().is_none() && notices.try_recv().is_err());
        db.batch(Batch::new().then(jobs::enqueue(&one)).then(jobs::enqueue(&job(1)))).await.unwrap();
        let notice = Notice { topic: Topic::Job, payload: "default".into() };
        assert_eq!(notices.try_recv().unwrap(), notice);
        assert!(notices.try_recv().is_err(), "once for the commit");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn core_jobs_a_schedule_is_fired_by_one_node() {
    each_database(|db| async move {
        let schedule = Schedule {
            id: ports().uuid(),
            identifier: "clean".into(),
            uid: "clean".into(),
            kind: "test".into(),
            rel_obj_app_label: String::new(),
            rel_obj_model: String::new(),
            rel_obj_id: String::new(),
            crontab: "* * * * *".into(),
            paused: false,
            next_run: at(60),
        };
        for other in [schedule.id, ports().uuid()] {
            schedules::ensure(
                &db,
                &Schedule {
                    id: other,
                    next_run: at(i64::from(other != schedule.id) + 60),
                    ..schedule.clone()
                },
            )
            .await
            .unwrap();
        }
        assert!(schedules::due(&db, at(59)).await.unwrap().is_empty());
        let due = schedules::due(&db, at(60)).await.unwrap();
        assert_eq!((due.len(), due[0].id), (1, schedule.id));
        let mut nodes = Vec::new();
        for _ in 0..6 {
            let (db, due) = (db.clone(), due[0].clone());
            let job = JobRow { schedule: Some(due.id), ..job(60) };
            nodes.push(tokio::spawn(async move { schedules::fire(&db, &due, at(120), &job).await.unwrap() }));
        }
        let mut fired = 0;
        for node in nodes {
            fired += usize::from(node.await.unwrap());
        }
        assert_eq!((fired, claim(&db, 60, 9).await.len()), (1, 1));
        assert_eq!(schedules::by_identifier(&db, "clean").await.unwrap().unwrap().next_run, at(120));
        assert!(jobs::last_of_schedule(&db, schedule.id).await.unwrap().is_some());
        let count = jobs::count(&db).await.unwrap();
        assert_eq!(count, [("default".to_owned(), RUNNING.to_owned(), 1)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn core_jobs_workers_are_those_that_said_so_lately() {
    each_database(|db| async move {
        let worker = |expires: Timestamp| Worker { id: Uuid::nil(), version: "1".into(), expires };
        schedules::alive(&db, &worker(at(10))).await.unwrap();
        schedules::alive(&db, &worker(at(40))).await.unwrap();
        assert_eq!(schedules::workers(&db, at(20)).await.unwrap().len(), 1);
        assert!(schedules::workers(&db, at(40)).await.unwrap().is_empty());
        schedules::stopped(&db, Uuid::nil()).await.unwrap();
        assert!(schedules::workers(&db, at(20)).await.unwrap().is_empty());
    })
    .await;
}
