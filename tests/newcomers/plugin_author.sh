# "I write a plugin": the project that is written, and the commands that are printed, in a fresh environment.
# In: PYTHON, a Python of this machine.
broker plugins new platform moon --with transfer 2> said.txt
cat said.txt
commands=$(sed -n 's/^Install and prove it: //p' said.txt)
test -n "$commands"
"$PYTHON" -m venv fresh
source fresh/bin/activate
bash -euo pipefail -c "$commands"
broker plugins | grep moon
echo "the plugin author is done"
