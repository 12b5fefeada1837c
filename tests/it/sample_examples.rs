//! The seed's `examples`, which miss some of their files: what is missing is said, and what is there can be used.

use crate::support::{Finished, Folder, conductor, finish, start};
use snapbox::str;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/seed/configs");

/// Runs `conduct` with these arguments and a sample, in the folder above all of them.
fn conduct(arguments: &[&str], sample: &str) -> Finished {
    let arguments = ["conduct"].iter().chain(arguments).chain([&sample]);
    let mut command = conductor(&Folder::new(), arguments);
    command.current_dir(SAMPLES);
    finish(start(command))
}

#[test]
fn the_web_load_test_names_every_file_that_is_missing() {
    conduct(&[], "examples/web_load_test.cfg").assert(
        1,
        str![[r#"
not carried out: the configuration `examples/web_load_test.cfg` has 2 errors
not carried out: no step was run

"#]],
        str![[r#"
error[unreadable-file]: there is no worker file `load_generator2.cfg`
  --> examples/web_load_test.cfg:13:12
   |
13 | loadgen2 = load_generator2.cfg
   |            ^^^^^^^^^^^^^^^^^^^
   |
   = hint: create the file, or correct the name; conductor looks for `examples/load_generator2.cfg`, then for `load_generator2.cfg` in the current folder

error[unreadable-file]: there is no worker file `monitor.cfg`
  --> examples/web_load_test.cfg:15:11
   |
15 | monitor = monitor.cfg
   |           ^^^^^^^^^^^
   |
   = hint: create the file, or correct the name; conductor looks for `examples/monitor.cfg`, then for `monitor.cfg` in the current folder
error: the configuration `examples/web_load_test.cfg` has 2 errors

"#]],
    );
}

#[test]
fn the_database_test_names_every_file_that_is_missing() {
    conduct(&["--dry-run"], "examples/database_test.cfg").assert(
        1,
        str![""],
        str![[r#"
error[unreadable-file]: there is no worker file `database_client1.cfg`
 --> examples/database_test.cfg:9:13
  |
9 | dbclient1 = database_client1.cfg
  |             ^^^^^^^^^^^^^^^^^^^^
  |
  = hint: create the file, or correct the name; conductor looks for `examples/database_client1.cfg`, then for `database_client1.cfg` in the current folder

error[unreadable-file]: there is no worker file `database_client2.cfg`
  --> examples/database_test.cfg:10:13
   |
10 | dbclient2 = database_client2.cfg
   |             ^^^^^^^^^^^^^^^^^^^^
   |
   = hint: create the file, or correct the name; conductor looks for `examples/database_client2.cfg`, then for `database_client2.cfg` in the current folder
error: the configuration `examples/database_test.cfg` has 2 errors

"#]],
    );
}

#[test]
fn the_workers_of_the_web_load_test_that_are_there_can_be_chosen() {
    let finished = conduct(&["-q", "--dry-run", "-c", "webserver", "loadgen1", "--"], "examples/web_load_test.cfg");
    finished.assert(
        0,
        str![[r#"
examples/web_load_test.cfg: 3 trials of startup, run, collect, reset on 2 workers
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

webserver at 10.0.1.10:6970
  startup
    step1     at most 1h  echo "Preparing web server for load test"
    step2     at most 1h  sudo systemctl restart nginx
    step3     at most 1h  sudo systemctl restart php-fpm
    step4     at most 1h  mkdir -p /tmp/load_test_results
    step5     at most 1h  echo "0" > /tmp/load_test_results/request_count.txt
  run
    spawn1    spawn       vmstat 1 > /tmp/load_test_results/vmstat.log
    spawn2    spawn       iostat -x 1 > /tmp/load_test_results/iostat.log
    spawn3    spawn       top -b -d 1 > /tmp/load_test_results/top.log
    spawn4    spawn       tail -f /var/log/nginx/access.log | wc -l > /tmp/load_test_results/request_count.txt
    timeout5  at most 5s  curl -f http://localhost/health || echo "Health check failed"
  collect
    step1     at most 1h  echo "Collecting web server results"
    step2     at most 1h  sudo cp /var/log/nginx/error.log /tmp/load_test_results/
    step3     at most 1h  sudo cp /var/log/nginx/access.log /tmp/load_test_results/
    step4     at most 1h  ps aux > /tmp/load_test_results/processes.txt
    step5     at most 1h  free -m > /tmp/load_test_results/memory.txt
    step6     at most 1h  df -h > /tmp/load_test_results/disk.txt
    step7     at most 1h  tar -czf /tmp/web_server_results.tgz /tmp/load_test_results/
  reset
    step1     at most 5m  echo "Cleaning up web server"
    step2     at most 5m  sudo truncate -s 0 /var/log/nginx/access.log
    step3     at most 5m  sudo truncate -s 0 /var/log/nginx/error.log
    step4     at most 5m  rm -rf /tmp/load_test_results
    step5     at most 5m  echo "Web server reset complete"

loadgen1 at 10.0.1.20:6970
  startup
    step1       at most 1h  echo "Load Generator 1: Preparing for test"
    step2       at most 1h  mkdir -p /tmp/loadgen1_results
    step3       at most 1h  which ab || sudo apt-get install -y apache2-utils
    step4       at most 1h  which curl || sudo apt-get install -y curl
  run
    timeout120  at most 2m  ab -n 50000 -c 100 -g /tmp/loadgen1_results/homepage.tsv http://10.0.1.10/
    timeout120  at most 2m  ab -n 30000 -c 50 -g /tmp/loadgen1_results/api.tsv http://10.0.1.10/api/v1/status
    spawn1      spawn       while true; do curl -s http://10.0.1.10/search?q=test > /dev/null; sleep 0.1; done
    timeout60   at most 1m  ab -n 10000 -c 20 -p /tmp/post_data.txt -T application/json http://10.0.1.10/api/v1/data
  collect
    step1       at most 1h  echo "Load Generator 1: Collecting results"
    step2       at most 1h  ps aux | grep -E "(ab|curl)" > /tmp/loadgen1_results/processes.txt
    step3       at most 1h  netstat -an | grep ESTABLISHED | wc -l > /tmp/loadgen1_results/connections.txt
    step4       at most 1h  tar -czf /tmp/loadgen1_results.tgz /tmp/loadgen1_results/
  reset
    step1       at most 5m  echo "Load Generator 1: Cleaning up"
    step2       at most 5m  pkill -f "curl.*10.0.1.10" || true
    step3       at most 5m  rm -rf /tmp/loadgen1_results
    step4       at most 5m  echo "Load Generator 1: Reset complete"

"#]],
        str!["..."],
    );
}

#[test]
fn the_worker_of_the_database_test_that_is_there_can_be_chosen() {
    conduct(&["--dry-run", "--clients", "dbserver"], "examples/database_test.cfg").assert(0, str![[r#"
examples/database_test.cfg: 5 trials of startup, run, collect, reset on 1 worker
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

dbserver at 10.0.2.10:6970
  startup
    step1     at most 1h  echo "Preparing database server"
    step2     at most 1h  sudo systemctl restart postgresql
    step3     at most 1h  psql -U postgres -c "CREATE DATABASE IF NOT EXISTS testdb;"
    step4     at most 1h  psql -U postgres testdb -c "CREATE TABLE IF NOT EXISTS test_data (id SERIAL PRIMARY KEY, data TEXT, created_at TIMESTAMP DEFAULT NOW());"
    step5     at most 1h  psql -U postgres testdb -c "TRUNCATE test_data;"
    step6     at most 1h  mkdir -p /tmp/db_test_results
  run
    spawn1    spawn       pg_stat_activity > /tmp/db_test_results/connections.log
    spawn2    spawn       while true; do psql -U postgres -c "SELECT count(*) FROM test_data;" >> /tmp/db_test_results/row_count.log; sleep 1; done
    spawn3    spawn       vmstat 1 > /tmp/db_test_results/vmstat.log
    spawn4    spawn       iostat -x 1 > /tmp/db_test_results/iostat.log
    timeout5  at most 5s  psql -U postgres -c "SELECT 1;" || echo "Database health check failed"
  collect
    step1     at most 1h  echo "Collecting database server results"
    step2     at most 1h  psql -U postgres -c "SELECT * FROM pg_stat_database WHERE datname='testdb';" > /tmp/db_test_results/db_stats.txt
    step3     at most 1h  psql -U postgres -c "SELECT * FROM pg_stat_user_tables;" > /tmp/db_test_results/table_stats.txt
    step4     at most 1h  psql -U postgres testdb -c "SELECT count(*) as total_rows FROM test_data;" > /tmp/db_test_results/final_count.txt
    step5     at most 1h  sudo cp /var/log/postgresql/postgresql-*.log /tmp/db_test_results/
    step6     at most 1h  tar -czf /tmp/database_results.tgz /tmp/db_test_results/
  reset
    step1     at most 5m  echo "Cleaning up database"
    step2     at most 5m  psql -U postgres testdb -c "DROP TABLE test_data;"
    step3     at most 5m  psql -U postgres -c "DROP DATABASE testdb;"
    step4     at most 5m  rm -rf /tmp/db_test_results
    step5     at most 5m  echo "Database reset complete"

"#]], str!["..."]);
}
