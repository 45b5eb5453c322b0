# demo.sh - run, status, stop
demo_run() { die "coopd is not built yet"; }
demo_status() { demo_run; }
demo_stop() { :; }
