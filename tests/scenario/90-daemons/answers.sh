#!/bin/bash
# answers.sh [NAME] - does this daemon, or each of them, do what it is there for?  Asked until it does.
set -u
names="nginx apache2 haproxy gunicorn prometheus redis-server memcached ssh mosquitto dnsmasq postgresql
mariadb php-fpm rsyslog cron"

# PORT WORDS: what comes back from a port
hear() {
    exec 3<> "/dev/tcp/127.0.0.1/$1" || return 1
    printf '%b' "$2" >&3
    timeout 10 head -c 12 <&3 | tr -d '\r\0'
    exec 3>&-
}
get='GET / HTTP/1.0\r\n\r\n'
answers() {
    case $1 in
    nginx) hear 80 "$get" | grep -q HTTP ;;
    apache2) hear 8080 "$get" | grep -q HTTP ;;
    haproxy) hear 8081 "$get" | grep -q HTTP ;;
    gunicorn) hear 8000 "$get" | grep -q HTTP ;;
    prometheus) hear 9090 "$get" | grep -q HTTP ;;
    redis-server) hear 6379 'PING\r\nPING\r\n' | grep -q PONG ;;
    memcached) hear 11211 'version\r\n' | grep -q VERSION ;;
    ssh) hear 22 '' | grep -q SSH ;;
    mosquitto) : <> /dev/tcp/127.0.0.1/1883 ;;
    dnsmasq) : <> /dev/tcp/127.0.0.1/53 ;;
    postgresql) runuser -u postgres -- psql -Atc 'select 40 + 2' | grep -q 42 ;;
    mariadb) mariadb -NBe 'select 40 + 2' | grep -q 42 ;;
    php-fpm) test -S /run/php/php8.2-fpm.sock ;;
    rsyslog) test -S /dev/log ;;
    cron) test -s /run/crond.pid ;;
    esac
}
for name in ${1:-$names}; do
    until answers "$name" 2> /dev/null; do
        if [ "$SECONDS" -gt 60 ]; then
            echo "$name does not answer"
            exit 1
        fi
    done
done
