-- A piece of a large payload: from a byte, counted from 1, so many bytes.
local entry = redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', ARGV[1] .. '-0')[1]
if not entry then return false end
local fields = entry[2]
return string.sub(fields[#fields], tonumber(ARGV[2]), tonumber(ARGV[2]) + tonumber(ARGV[3]) - 1)
