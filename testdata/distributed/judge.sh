# Both clients must have got through while the other one sent, too: what each sent first came before the other's last.
capture=$CONDUCTOR_RESULTS/trial-$CONDUCTOR_TRIAL/server/capture.log
for client in client1 client2; do
  count=$(grep -c "^$client sends" "$capture")
  echo "$client: $count requests"
  test "$count" -gt 2 || exit 1
done
first=$(grep -n " sends 1$" "$capture" | cut -d : -f 1 | sort -n | tail -n 1)
last=$(grep -n " sends " "$capture" | cut -d : -f 1 | tail -n 1)
echo "the later first request is line $first of $last"
test "$first" -lt "$last"
