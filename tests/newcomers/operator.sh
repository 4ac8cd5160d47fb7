# "I run a site": a configuration with faults, a right one, a server with accounts, and what it says of itself.
# In: BROKER_URL and PORT; nothing of a broker is here yet.
cat > broken.toml <<TOML
data_directory = "$PWD/data"
[http]
lisen = "127.0.0.1:$PORT"
[negotiation]
hold = -1
TOML
if broker config check broken.toml > faults.txt 2>&1; then exit 1; fi
cat faults.txt
grep -q "lisen" faults.txt
grep -q "hold" faults.txt

cat > broker.toml <<TOML
data_directory = "$PWD/data"
[http]
listen = "127.0.0.1:$PORT"
[platforms.test]
plugin = "simulated"
TOML
broker config check broker.toml
broker doctor --config broker.toml || test $? = 1  # a machine of tests need not be perfect
export BROKER__DATA_DIRECTORY="$PWD/data"

serve() {
  broker serve --config broker.toml 2> serve.log &
  serving=$!
  until grep -q "broker: ready" serve.log; do
    kill -0 $serving
    read -rt 0.2 <> <(:) || true
  done
}
trap 'kill $serving; wait $serving || true' EXIT
serve
echo "a word for ada" > ada.txt
broker identity add ada --password-file ada.txt
BROKER_USER=ada BROKER_PASSWORD_FILE=ada.txt broker list
curl -fsS "$BROKER_URL/" | grep -q openapi.json
curl -fsS "$BROKER_URL/readyz" | grep -q '"ready":true'
broker admin audit --config broker.toml

kill $serving
wait $serving
serve
BROKER_USER=ada BROKER_PASSWORD_FILE=ada.txt broker list --offers
echo "the operator is done"
