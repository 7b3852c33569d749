# SPDX-License-Identifier: BSD-2-Clause
# Debian's bpftool on objects.o, in a guest of either kernel. Prints sections:
#	== NAME
#	what the commands said, `status N` where one failed
# Numbers that each kernel chooses (ids, sizes of code, times) are taken out by the reader,
# host/tine/bpf_clients.py.
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
fs=/sys/fs/bpf

section() { echo "== $1"; }
t() { bpftool "$@" 2>&1 || echo "status $?"; }

section nothing
t prog list
t map list
t link list
t prog show id 4711
t map show id 4711

section loadall
t prog loadall objects.o $fs/all pinmaps $fs/maps
ls $fs $fs/all $fs/maps
section light	# loaded by a program (light skeletons): what bpf_sys_bpf said last
t -d -L prog load objects.o $fs/light | grep '^err'
section prog-list
t prog list
t -j prog list
t -f prog show name watch
section map-list
t map list
t -jf map list
section map-show
for map in $fs/maps/*; do t map show pinned $map; done

section run
head -c 64 /dev/zero >data
t prog run pinned $fs/all/landing data_in data
t prog run pinned $fs/all/watch data_in data repeat 3
t prog run pinned $fs/all/first_byte data_in data data_out - | cat
printf '\001\000\000\000\002\000\000\000\377\377\377\377' >request
t prog run pinned $fs/all/adder ctx_in request
section after-run
for map in lengths flows per_cpu_flows recent; do t map dump pinned $fs/maps/$map; done
t -j map dump pinned $fs/maps/flows
t map dump name objects.bss
t map dump name objects.rodata
t map dump name objects.data

section tail-call
t prog run pinned $fs/all/hop data_in data
t map update pinned $fs/maps/jumps key 1 0 0 0 value pinned $fs/all/landing
t prog run pinned $fs/all/hop data_in data
t map dump pinned $fs/maps/jumps
t map delete pinned $fs/maps/jumps key 1 0 0 0
t prog run pinned $fs/all/hop data_in data

section elements
t map create $fs/h type hash key 4 value 8 entries 3 name small
t map update pinned $fs/h key 1 0 0 0 value 1 1 1 1 1 1 1 1
t map update pinned $fs/h key 2 0 0 0 value 2 2 2 2 2 2 2 2 noexist
t map update pinned $fs/h key 2 0 0 0 value 2 2 2 2 2 2 2 2 noexist
t map update pinned $fs/h key 3 0 0 0 value 3 3 3 3 3 3 3 3 exist
t map update pinned $fs/h key 3 0 0 0 value 3 3 3 3 3 3 3 3 any
t map update pinned $fs/h key 4 0 0 0 value 4 4 4 4 4 4 4 4
t map lookup pinned $fs/h key 2 0 0 0
t map lookup pinned $fs/h key 9 0 0 0
t map getnext pinned $fs/h | grep -c '^0'
t map getnext pinned $fs/h key 9 0 0 0 | grep -c '^0'
t map delete pinned $fs/h key 2 0 0 0
t map delete pinned $fs/h key 2 0 0 0
t map dump pinned $fs/h | sort
section lpm
t map update pinned $fs/maps/routes key 16 0 0 0 10 170 0 0 value 4 0 0 0
t map update pinned $fs/maps/routes key 8 0 0 0 10 0 0 0 value 1 0 0 0
t map lookup pinned $fs/maps/routes key 32 0 0 0 10 170 1 2
t map lookup pinned $fs/maps/routes key 32 0 0 0 10 171 1 2
t map lookup pinned $fs/maps/routes key 32 0 0 0 11 171 1 2
t map dump pinned $fs/maps/routes
t prog run pinned $fs/all/first_byte data_in data
section queue-stack
t map create $fs/q type queue value 4 entries 2 name fifo
t map create $fs/s type stack value 4 entries 2 name lifo
for n in 1 2 3; do
	t map enqueue pinned $fs/q value $n 0 0 0
	t map push pinned $fs/s value $n 0 0 0
done
t map peek pinned $fs/q
t map peek pinned $fs/s
for n in 1 2 3; do
	t map dequeue pinned $fs/q
	t map pop pinned $fs/s
done
section map-of-maps
t map dump pinned $fs/maps/outer
t map create $fs/i type array key 4 value 4 entries 1 name inner
t map create $fs/o type array_of_maps key 4 value 4 entries 2 name outside inner_map pinned $fs/i
t map update pinned $fs/o key 0 0 0 0 value pinned $fs/i
t map lookup pinned $fs/o key 0 0 0 0
t map lookup pinned $fs/o key 1 0 0 0
section freeze
t map create $fs/f type array key 4 value 4 entries 1 name frozen
t map update pinned $fs/f key 0 0 0 0 value 1 2 3 4
t map freeze pinned $fs/f
t map update pinned $fs/f key 0 0 0 0 value 5 6 7 8
t map lookup pinned $fs/f key 0 0 0 0
t map show pinned $fs/f
section create-refused
t map create $fs/x type hash key 0 value 8 entries 3 name bad
t map create $fs/x type hash key 4 value 8 entries 0 name bad
t map create $fs/x type array key 8 value 8 entries 3 name bad
t map create $fs/x type queue key 4 value 8 entries 3 name bad
t map create $fs/x type ringbuf entries 100 name bad
t map create $fs/x type hash key 4 value 8 entries 3 name bad flags 0x80000000
t map create $fs/h type hash key 4 value 8 entries 3 name twice

section pin
t prog pin pinned $fs/all/landing $fs/again
t prog show pinned $fs/again
t prog pin pinned $fs/all/landing $fs/again
t map pin pinned $fs/h $fs/h2
t map show pinned $fs/h2
t map show pinned $fs/again
rm $fs/again $fs/h2
ls $fs
t prog show pinned $fs/again

section xlated
for name in watch hop landing first_byte adder; do
	echo "-- $name"
	t prog dump xlated pinned $fs/all/$name
done
t prog dump xlated pinned $fs/all/landing opcodes
t prog dump xlated pinned $fs/all/landing linum
t -j prog dump xlated pinned $fs/all/landing
t prog dump xlated pinned $fs/all/watch visual | head -5
section jited
t prog dump jited pinned $fs/all/landing

section btf
t btf list
t btf dump id $(bpftool map show pinned $fs/maps/flows | sed -n 's/.*btf_id \([0-9]*\).*/\1/p')
t btf dump map pinned $fs/maps/flows
t btf dump map pinned $fs/maps/flows kv format c
t btf dump prog pinned $fs/all/watch format c
t btf dump file objects.o format raw | tail -3
section btf-kernel
bpftool btf dump file /sys/kernel/btf/vmlinux format c >vmlinux.h 2>err; echo "$? $(wc -c <err)"
[ $(grep -c '^struct' vmlinux.h) -gt 100 ] && echo structs
bpftool btf dump id 1 format c | cmp - vmlinux.h && echo same
grep -A3 '^enum bpf_prog_type' vmlinux.h
section links
t link show
t link show id 1
t struct_ops list
t iter pin objects.o $fs/iter
t prog attach pinned $fs/all/watch sk_skb_verdict pinned $fs/h
t map event_pipe pinned $fs/h
section net
t net list
section perf
t perf list
section cgroup
t cgroup tree
section load-refused
t prog load objects.o $fs/one type no_such
t prog load request $fs/one
t prog load nowhere.o $fs/one
t prog load bad.o $fs/one
t -d prog load bad.o $fs/one | grep 'invalid mem access\|^processed'
section feature
t feature probe kernel full
section end
rm -r $fs/*
ls $fs
t prog list
t map list
