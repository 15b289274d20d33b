#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Stands for vedette-capture where no program is to be watched: `fake-agent.sh --host fd:3 -- FRAMES STATUS` sends the bytes of FRAMES
# on its stream and ends with STATUS; a STATUS of `kill` ends it by SIGKILL, `wait` by SIGTERM once that comes.
while [ "$1" != -- ]; do shift; done
cat "$2" >&3
case $3 in
  kill) kill -KILL $$ ;;
  wait) trap 'exit 43' TERM; : >"$2.ready"; while :; do sleep 0.05; done ;;
  fds) ls -l /proc/self/fd >"$2.fds"; exit 0 ;;
esac
exit "$3"
