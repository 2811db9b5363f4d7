"""The leases' Lua scripts: Redis runs each as a whole, by its own clock.

What Redis keeps, in four keys that vanish when they are empty:

- `sessions`, a hash: session id -> a JSON object. `owner`: who holds the lease, "" while it is on
  offer; `last`: who held it before; `attempt`; `since`: when it was last put on offer; `seen`: when
  its last holder was last heard of, 0 for none; `handed`: that one left by itself; `lease`: how
  long it holds unless it is renewed; `user`: whose session it is, as a digest.
- `due`, a sorted set: session id -> when its offer or its lease lapses.
- `users`, a hash: user -> live sessions.
- `workers`, a hash: owner -> a JSON object, its `WorkerLoad` and when that `ends` to be true.

Times and durations are whole milliseconds, times since 1970.
"""

from __future__ import annotations

SESSIONS = "greenroom:leases:sessions"
DUE = "greenroom:leases:due"
USERS = "greenroom:leases:users"
WORKERS = "greenroom:leases:workers"
KEYS = (SESSIONS, DUE, USERS, WORKERS)
"""The keys of every script, in this order."""

_PRELUDE = """
local sessions, due, users, workers = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function read(id)
  local kept = redis.call('HGET', sessions, id)
  return kept and cjson.decode(kept)
end

local function write(id, lease, at)
  redis.call('HSET', sessions, id, cjson.encode(lease))
  redis.call('ZADD', due, at, id)
end

local function add(id, user, attempt)
  redis.call('HINCRBY', users, user, 1)
  return {user = user, attempt = attempt, since = now, seen = 0, handed = false,
          owner = '', last = '', lease = 0}
end

local function delete(id, lease)
  redis.call('HDEL', sessions, id)
  redis.call('ZREM', due, id)
  if redis.call('HINCRBY', users, lease.user, -1) < 1 then
    redis.call('HDEL', users, lease.user)
  end
end
"""

OFFER = (
    _PRELUDE
    + """
local id, user, offer, most, most_of_user = unpack(ARGV)
if redis.call('HEXISTS', sessions, id) == 1 then
  return 'offered'
end
if redis.call('HLEN', sessions) >= tonumber(most) then
  return 'full'
end
if tonumber(redis.call('HGET', users, user) or 0) >= tonumber(most_of_user) then
  return 'full for user'
end
write(id, add(id, user, 1), now + offer)
return 'offered'
"""
)
"""(id, user, offer, most sessions, most of one user): 'offered', 'full', 'full for user'."""

ACQUIRE = (
    _PRELUDE
    + """
local id, owner, term = unpack(ARGV)
local lease = read(id)
if not lease or lease.owner ~= '' then
  return false
end
lease.owner, lease.lease = owner, tonumber(term)
write(id, lease, now + term)
return {lease.attempt, lease.seen, lease.handed and 1 or 0, lease.user}
"""
)
"""(id, owner, lease): (attempt, seen, handed, user), or nil."""

RENEW = (
    _PRELUDE
    + """
local owner, term, load = unpack(ARGV, 1, 3)
local lost = {}
for n = 4, #ARGV, 3 do
  local id, user, attempt = unpack(ARGV, n, n + 2)
  local lease = read(id)
  if not lease then
    lease = add(id, user, tonumber(attempt))
    lease.owner, lease.lease = owner, tonumber(term)
    write(id, lease, now + term)
  elseif lease.owner == owner then
    redis.call('ZADD', due, now + term, id)
  else
    lost[#lost + 1] = id
  end
end
load = cjson.decode(load)
load.ends = now + term
redis.call('HSET', workers, owner, cjson.encode(load))
redis.call('PEXPIRE', workers, term)
return lost
"""
)
"""(owner, lease, load, then id, user and attempt of each session): the ids of those lost."""

HAND_OVER = (
    _PRELUDE
    + """
local id, owner = unpack(ARGV)
local lease = read(id)
if not lease or lease.owner ~= owner then
  return 0
end
lease.owner, lease.last, lease.seen, lease.handed, lease.since = '', owner, now, true, now
write(id, lease, now)
return 1
"""
)
"""(id, owner): whether it was the owner's."""

RELEASE = (
    _PRELUDE
    + """
local lease = read(ARGV[1])
if not lease then
  return 0
end
delete(ARGV[1], lease)
return 1
"""
)
"""(id): whether there was anything."""

CLAIM = (
    _PRELUDE
    + """
local offer, attempts, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most = ARGV[4]
local found = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
local lapsed = {}
for n = 1, #found, 2 do
  local id, lease = found[n], read(found[n])
  if lease.owner ~= '' then
    lease.seen, lease.handed, lease.since = found[n + 1] - lease.lease, false, now
    lease.attempt, lease.owner, lease.last = lease.attempt + 1, '', lease.owner
  end
  local given_up = lease.attempt > attempts or now >= lease.since + patience
  if given_up then
    delete(id, lease)
  else
    -- Not later than it is given up, so that this is on time.
    write(id, lease, math.min(now + offer, lease.since + patience))
  end
  lapsed[#lapsed + 1] = {id, lease.attempt, lease.seen, lease.handed and 1 or 0, lease.last,
                         given_up and 1 or 0}
end
return lapsed
"""
)
"""(offer, attempts, start_timeout, how many): (id, attempt, seen, handed, last, given up) each."""

LOADS = (
    _PRELUDE
    + """
local kept = redis.call('HGETALL', workers)
local true_now = {}
for n = 1, #kept, 2 do
  if cjson.decode(kept[n + 1]).ends > now then
    true_now[#true_now + 1] = kept[n + 1]
  else
    redis.call('HDEL', workers, kept[n])
  end
end
return true_now
"""
)
"""(): the loads that are true."""
