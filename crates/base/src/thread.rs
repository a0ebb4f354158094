//! Threads that compute.

/// Lets the calling thread's work wait for that of the others where all want the cores: hashes and signatures take long,
/// and the threads that read, write and answer need little and keep many callers going. Without effect where the system
/// does not count priorities by thread.
pub fn compute_in_background() {
    #[cfg(target_os = "linux")]
    {
        /// Of 19; enough to be overtaken, and still a third of a core beside a busy one.
        const NICE: libc::c_int = 5;
        #[allow(unsafe_code, reason = "takes numbers only; 0 is the calling thread, and making oneself wait needs no right")]
        // A refusal leaves the thread as it was.
        let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn only_the_thread_that_asks_is_overtaken() {
        let nice = |id: &str| {
            let text = std::fs::read_to_string(format!("/proc/thread-self/{id}")).unwrap();
            // The fields after the name, which stands in parentheses; priority and nice are the 18th and 19th of all.
            text.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse::<i32>().unwrap()
        };
        let before = nice("stat");
        let inside = std::thread::spawn(move || {
            super::compute_in_background();
            nice("stat")
        });
        assert_eq!(inside.join().unwrap(), before.max(5));
        assert_eq!(nice("stat"), before);
    }
}
