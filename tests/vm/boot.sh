#!/bin/bash
# boot.sh - run a script inside a small virtual machine with a kernel of our choice
#
#   tests/vm/boot.sh [--kernel 6.1|6.12|PATH] [--add SRC[:DST]]... [--mem MIB] [--cpus N]
#                    [--disk MIB] [--module NAME]... [--timeout S] -- SCRIPT
#
# The guest is an initramfs made on the spot: busybox, what --add names (with the shared libraries
# that ldd finds, in /payload unless DST says otherwise), and SCRIPT, run by busybox sh as root with
# cgroup v2 and all its controllers.  The guest is emulated (no hardware needed) and up in about 3 s.
# --disk gives it an empty disk, /dev/nvme0n1; --module loads a module of Debian's package, alone.
#
# Kernels are Debian's own packages, downloaded once and only unpacked (VM_CACHE, by default the
# user's cache folder).  Needs: qemu-system-x86 cpio busybox-static.
#
# Exit status: the script's; 124 when the time is over; 125 when the guest said nothing; 2 for a
# wrong call; 77 when something needed is not installed.
set -euo pipefail

die() { # STATUS SENTENCE; 77 is what skips a test, and then the reason goes first
  [ "$1" != 77 ] || echo "SKIP: $2"
  [ "$1" = 77 ] || echo "vm: $2" >&2
  exit "$1"
}

# ---- options ---------------------------------------------------------------------------------
cache=${VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/coop-vm}
kernel=6.1 mem=512 cpus=2 bound=120 add=() modules=() disk=0
while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernel=$2; shift 2;;
    --add) add+=("$2"); shift 2;;
    --mem) mem=$2; shift 2;;
    --disk) disk=$2; shift 2;;
    --module) modules+=("$2"); shift 2;;
    --cpus) cpus=$2; shift 2;;
    --timeout) bound=$2; shift 2;;
    --) shift; break;;
    *) die 2 "unknown option '$1' (see the head of $0)";;
  esac
done
[ $# -eq 1 ] || die 2 "wants one script after --"
script=$1
for tool in qemu-system-x86_64 cpio busybox; do
  command -v "$tool" >/dev/null || die 77 "$tool is not installed ('./dev setup vm' installs it)"
done

# ---- the kernel ------------------------------------------------------------------------------
fetch_kernel() { # version: unpacks Debian's cloud kernel into the cache
  local meta package folder=$cache/$1
  [ -e "$folder/.complete" ] && return
  case $1 in
    6.1) meta=linux-image-cloud-amd64;;
    6.12) meta=linux-image-6.12-cloud-amd64;;
    *) die 2 "no kernel '$1': 6.1, 6.12, or the path of a bzImage";;
  esac
  package=$(apt-cache depends "$meta" 2>/dev/null | awk '/Depends: linux-image-[0-9]/{print $2; exit}')
  [ -n "$package" ] || die 77 "apt knows no package for kernel $1 ('apt-get update' may help)"
  rm -rf "$folder"
  mkdir -p "$folder"
  (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download "$package" &&
    dpkg-deb -x ./*.deb . && rm -f ./*.deb) || die 77 "kernel $1 cannot be downloaded"
  touch "$folder/.complete"
}
if [ -f "$kernel" ]; then
  image=$kernel
else
  fetch_kernel "$kernel"
  image=$(echo "$cache/$kernel"/boot/vmlinuz-*)
fi

# ---- the initramfs ---------------------------------------------------------------------------
work=$(mktemp -d "${TMPDIR:-/tmp}/coop-vm.XXXXXX")
qemu=
cleanup() {
  if [ -n "$qemu" ]; then kill "$qemu" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap cleanup EXIT
root=$work/root
mkdir -p "$root"/{bin,sbin,proc,sys,dev,run,tmp,etc,lib,lib64,usr/bin,usr/lib,root,payload,var,home/user}
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list | grep -vx busybox); do ln -sf busybox "$root/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n' >"$root/etc/group"
printf 'root:*:19000::::::\n' >"$root/etc/shadow"
chmod 600 "$root/etc/shadow"

add_libraries() { # every shared object that ldd names, at the same path
  ldd "$1" 2>/dev/null | awk '{for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i}' |
    while read -r library; do
      [ "${library##*/}" != libc.so.6 ] || echo "${library%/*}/libgcc_s.so.1" # backtrace() loads it
      echo "$library"
    done |
    while read -r library; do
      [ ! -e "$root$library" ] && [ -e "$library" ] || continue
      mkdir -p "$root$(dirname "$library")"
      cp -L "$library" "$root$library"
    done || true
}
for entry in "${add[@]}"; do
  from=${entry%%:*} to=${entry#*:}
  [ "$to" = "$entry" ] && to=/payload/$(basename "$from")
  mkdir -p "$root$(dirname "$to")"
  cp -aL "$from" "$root$to"
  if [ -d "$from" ]; then
    find "$from" -type f -perm /111 | while read -r file; do add_libraries "$file"; done
  else
    add_libraries "$from"
  fi
done
for module in "${modules[@]}"; do
  found=$(find "$cache/$kernel/lib/modules" -name "$module.ko" -o -name "$module.ko.xz" 2>/dev/null | head -n 1)
  [ -n "$found" ] || die 2 "kernel $kernel has no module '$module'"
  mkdir -p "$root/modules"
  case $found in
    *.xz) xz -dc "$found" >"$root/modules/$module.ko";;
    *) cp "$found" "$root/modules/$module.ko";;
  esac
done
cat >"$root/init" <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo +$c >/sys/fs/cgroup/cgroup.subtree_control; done
ip link set lo up
for m in /modules/*.ko; do [ ! -e "$m" ] || insmod "$m"; done
export PATH=/payload:/bin:/sbin:/usr/bin HOME=/root TERM=dumb
cd /payload
setsid sh /script </dev/null >/dev/console 2>&1
echo "VM-EXIT:$?"
poweroff -f
INIT
chmod 755 "$root/init" "$root"
cp "$script" "$root/script"
(cd "$root" && find . -print0 | cpio --quiet -0 -o -H newc) >"$work/initrd"

# ---- the machine -----------------------------------------------------------------------------
answer=
run_guest() { # sets 'answer', "" when it gave none
  local drive=() status=0
  if [ "$disk" -gt 0 ]; then
    rm -f "$work/disk"
    truncate -s "${disk}M" "$work/disk"
    drive=(-drive "file=$work/disk,format=raw,if=none,id=disk" -device nvme,drive=disk,serial=coop)
  fi
  timeout -k 2 "$bound" qemu-system-x86_64 -nodefaults -no-user-config -display none -monitor none \
    -no-reboot -machine q35 -accel tcg,thread=multi -cpu max -m "$mem" -smp "$cpus" \
    -kernel "$image" -initrd "$work/initrd" -net none -serial "file:$work/serial" "${drive[@]}" \
    -append 'console=ttyS0 quiet loglevel=3 panic=-1 oops=panic reboot=t tsc=reliable random.trust_cpu=on mitigations=off' \
    </dev/null >"$work/qemu" 2>&1 &
  qemu=$!
  wait "$qemu" || status=$?
  qemu=
  tr -d '\r' <"$work/serial" >"$work/output"
  grep -v -e '^VM-EXIT:' -e 'reboot: Power down' "$work/output" || true
  answer=$(sed -n 's/.*VM-EXIT:\([0-9]*\).*/\1/p' "$work/output" | tail -n 1)
  [ -n "$answer" ] || grep -q 'Oops: int3' "$work/output" || case $status in
    124 | 137) die 124 "the guest was not done after $bound s";;
  esac
}
run_guest
# A kernel changes jumps of its own under way, which the emulator's other processor may run into.
if [ -z "$answer" ] && grep -q 'Oops: int3' "$work/output"; then
  echo "vm: the emulator fell over a jump that the kernel was changing; once more"
  run_guest
fi
[ -n "$answer" ] || { cat "$work/qemu" >&2; die 125 "the guest gave no answer (kernel $kernel)"; }
exit "$answer"
