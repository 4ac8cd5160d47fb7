# "I have a notebook": one's own notebook and data, on one's own machine, by the words of the command line.
# In: BROKER__DATA_DIRECTORY, BROKER__HTTP__LISTEN, BROKER_URL, a notebook fit.ipynb and night-1.csv here.
broker serve 2> serve.log &
serving=$!
trap 'kill $serving; wait $serving || true' EXIT
until grep -q "broker: ready. In another terminal: broker run" serve.log; do
  kill -0 $serving
  read -rt 0.2 <> <(:) || true
done

broker run --notebook fit.ipynb --data night-1.csv --mode BATCH
broker init fit.ipynb --data night-1.csv
broker request request.yaml | tee offers.txt
grep -q "^YES" offers.txt
broker accept "$(grep -om1 'broker accept [0-9a-f]*' offers.txt | cut -d' ' -f3)"  # its first characters
uuid=$(broker list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["uuid"])')
broker watch "${uuid:0:8}"
broker results "${uuid:0:8}" --output kept
cat kept/sum.txt

broker list
test "$(broker list | grep -c COMPLETED)" = 2
echo "the astronomer is done"
