#!/bin/bash
# Process 1 of a local node, in mount, pid, net, uts, ipc and cgroup namespaces of its own: when it ends, everything
# ends with it. What it changes is seen in these namespaces only.
# Environment: STATE (this node's directory), CACHE (a directory that stays writable at its own path), BINARIES,
# NODE_ADDRESS, IDENTITY_ADDRESS, NODE_NAME, PAUSE_ARCHIVE, HIERARCHIES (cgroup hierarchies, as in /proc/self/cgroup;
# `v2` for version 2).
set -eu
cd /

keep_writes_in_memory() {
    mount --make-rprivate /
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/cache /run/lock
    mount --rbind "$CACHE" /run/cache
    for directory in etc var tmp; do
        mkdir -p "/run/writes/$directory/upper" "/run/writes/$directory/work"
        chmod --reference="/$directory" "/run/writes/$directory/upper"
        mount -t overlay overlay \
            -o "lowerdir=/$directory,upperdir=/run/writes/$directory/upper,workdir=/run/writes/$directory/work" \
            "/$directory"
    done
    mkdir -p "$CACHE"
    mount --rbind /run/cache "$CACHE"
    for name in kubelet log; do
        mkdir -p "$STATE/var/$name"
    done
    mkdir -p /var/lib/kubelet /var/log
    mount --bind "$STATE/var/kubelet" /var/lib/kubelet
    mount --bind "$STATE/var/log" /var/log
    for name in hosts resolv.conf hostname; do
        rm -f "/etc/$name"
        cp "$STATE/etc/$name" "/etc/$name"
    done
}

mount_cgroups() {
    mount -t sysfs sysfs /sys
    if [ "$HIERARCHIES" = v2 ]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        return
    fi
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for hierarchy in $HIERARCHIES; do
        case $hierarchy in
        v2) directory=unified options='' type=cgroup2 ;;
        name=*) directory=${hierarchy#name=} options="none,$hierarchy" type=cgroup ;;
        *) directory=$hierarchy options=$hierarchy type=cgroup ;;
        esac
        mkdir "/sys/fs/cgroup/$directory"
        mount -t "$type" ${options:+-o "$options"} cgroup "/sys/fs/cgroup/$directory"
        for alias in ${directory//,/ }; do
            [ "$alias" = "$directory" ] || ln -s "$directory" "/sys/fs/cgroup/$alias"
        done
    done
}

# The kubelet sets these for the whole machine. It gets files to write to instead.
shield_sysctls() {
    mkdir /run/sysctl
    for key in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops \
        kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
        cat "/proc/sys/$key" >"/run/sysctl/${key//\//.}"
        mount --bind "/run/sysctl/${key//\//.}" "/proc/sys/$key"
    done
}

# The starter hands eth0 over when the cgroups are ready too.
join_network() {
    ip link set lo up
    for _ in $(seq 500); do
        [ -e /sys/class/net/eth0 ] && break
        sleep 0.02
    done
    ip address add "$NODE_ADDRESS/24" dev eth0
    ip address add "$IDENTITY_ADDRESS/24" dev eth0
    ip link set eth0 up
    echo 1 >/proc/sys/net/ipv4/ip_forward
    if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
        echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
    fi
}

# Keeps one service running, except while a file named after it is in stopped/.
supervise() {
    while :; do
        while [ -e "$STATE/stopped/$1" ]; do sleep 0.1; done
        env -i setsid -w bash "$STATE/services/$1.sh" >>"$STATE/logs/$1.log" 2>&1 || true
        sleep 0.5
    done
}

# The pause image has to be there before the first pod asks for it.
start_kubelet() {
    until ctr --namespace k8s.io images import "$PAUSE_ARCHIVE"; do sleep 0.05; done
    supervise kubelet
}

hostname "$NODE_NAME"
keep_writes_in_memory
mount_cgroups
shield_sysctls
mount --make-rshared /
join_network
export PATH="$BINARIES:$PATH"
for script in "$STATE"/services/*.sh; do
    name=$(basename "$script" .sh)
    [ "$name" = kubelet ] || supervise "$name" &
done
start_kubelet >>"$STATE/logs/kubelet.log" 2>&1 &
# Process 1 inherits and reaps every orphan of the node.
while :; do
    wait -n || true
    sleep 1
done
