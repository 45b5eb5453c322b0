#!/bin/sh
# prepare.sh DIR - Debian's daemons with their own unit files, in a copy of the machine's files
#
# For daemons.scn, in mount, PID and network namespaces of its own: what is written to /etc, /var, /run,
# /tmp and /dev from here on is written to a tmpfs.  The units are Debian's; a line is only taken out
# where it names another unit or a template.
set -eu
dir=$1
mkdir -p "$dir/etc"
cp "$(dirname "$0")/answers.sh" "$dir/answers"
units=/lib/systemd/system

ip link set lo up
mkdir -p /mnt/copy
mount -t tmpfs -o mode=0755 tmpfs /mnt/copy
for place in etc var; do
    mkdir "/mnt/copy/$place" "/mnt/copy/$place.work"
    mount -t overlay overlay -o "lowerdir=/$place,upperdir=/mnt/copy/$place,workdir=/mnt/copy/$place.work" "/$place"
done
mount -t tmpfs -o mode=1777 tmpfs /tmp

# a /dev of its own: rsyslog makes /dev/log
mkdir /mnt/copy/dev
mount -t tmpfs -o mode=0755 tmpfs /mnt/copy/dev
for node in null zero full random urandom tty; do
    : > "/mnt/copy/dev/$node"
    mount --bind "/dev/$node" "/mnt/copy/dev/$node"
done
mkdir /mnt/copy/dev/shm /mnt/copy/dev/pts
mount -t tmpfs -o mode=1777 tmpfs /mnt/copy/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts /mnt/copy/dev/pts
ln -s pts/ptmx /mnt/copy/dev/ptmx
ln -s /proc/self/fd /mnt/copy/dev/fd
mount --move /mnt/copy/dev /dev

# what tmpfiles.d makes at boot
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/lock
chmod 1777 /run/lock
install -d -o postgres -g postgres -m 2775 /run/postgresql
install -d -o mysql -g root /run/mysqld
install -d /run/haproxy
install -d -o www-data -g www-data /run/php

# nobody but us is here, and two of them would have port 80
sed -i 's/^Listen 80$/Listen 8080/' /etc/apache2/ports.conf
sed -i 's/:80>/:8080>/' /etc/apache2/sites-available/000-default.conf
printf 'frontend test\n  bind 127.0.0.1:8081\n  default_backend web\nbackend web\n  server nginx 127.0.0.1:80\n' \
    >> /etc/haproxy/haproxy.cfg
printf 'no-resolv\nlisten-address=127.0.0.1\nbind-interfaces\n' >> /etc/dnsmasq.conf
ssh-keygen -qA
rm -f /var/lib/mysql/*.err /etc/ssh/sshd_not_to_be_run

for unit in nginx redis-server memcached ssh haproxy mosquitto dnsmasq php8.2-fpm apache2 rsyslog cron \
    prometheus mariadb; do
    sed '/^Alias=/d' "$units/$unit.service" > "$dir/etc/$(echo "$unit" | sed s/8.2-/-/).service"
done
sed -e 's/%[iI]/15-main/g' -e '/^Assert/d' -e '/^PartOf/d' -e '/^ReloadPropagatedFrom/d' -e '/^Before/d' \
    "$units/postgresql@.service" > "$dir/etc/postgresql.service"

# its user namespace does not own the PID namespace, so it may not mount the /proc that it asks for
sed -i '/^PrivateUsers/d' "$dir/etc/redis-server.service"

# where the machine has no controller, or root no right to raise a limit, these run without
for unit in mariadb redis-server prometheus; do
    sed -i 's/^\[Service\]/&\nPrefer=limits/' "$dir/etc/$unit.service"
done
(echo -900 > /proc/self/oom_score_adj) 2> /dev/null || sed -i '/^OOMScoreAdjust/d' "$dir/etc/postgresql.service"

# Debian has no unit for it: the one of its manual
mkdir "$dir/app"
printf 'def app(environ, start):\n    start("200 OK", [])\n    return [b"gunicorn"]\n' > "$dir/app/web.py"
cat > "$dir/etc/gunicorn.service" << EOF
[Unit]
Description=gunicorn
After=network.target
[Service]
Type=notify
User=www-data
Group=www-data
RuntimeDirectory=gunicorn
WorkingDirectory=$dir/app
ExecStart=/usr/bin/gunicorn --worker-tmp-dir /run/gunicorn --bind 127.0.0.1:8000 --workers 2 web:app
ExecReload=/bin/kill -s HUP \$MAINPID
KillMode=mixed
TimeoutStopSec=5
PrivateTmp=true
ProtectSystem=strict
NoNewPrivileges=true
[Install]
WantedBy=multi-user.target
EOF
