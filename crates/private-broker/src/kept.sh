# Keeps one program. When standard input ends, because its owner closed it or died, the program
# and its process group are killed.
#
# The program gets a session of its own, so that its process group is its own and Ctrl-C in a
# terminal does not reach it, and it dies with this shell too, should somebody kill the shell.
# It is never waited for before the end, so its process id cannot be given to another.
#
# usage: sh -c SCRIPT kept LOG PROGRAM [ARGUMENT...]
log=$1
shift

setsid setpriv --pdeathsig KILL -- "$@" </dev/null >>"$log" 2>&1 &
program=$!
echo "$program"

read -r _

kill -KILL "$program" 2>/dev/null
kill -KILL -- "-$program" 2>/dev/null
wait
