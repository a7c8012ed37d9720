using System.Security.Cryptography;
using System.Text;
using KvStore.Contracts;

namespace KvStore.Node.Api;

/// <summary>
/// Keys that the server chooses, for a POST to all keys of a bucket: a UUID of version 7 in lower case, made of the
/// name of the request, so that every node chooses the same one for a retry. It is sorted by time where that name
/// carries one.
/// </summary>
internal static class NewKeys
{
    private const int TimeBytes = 6;

    /// <summary>
    /// The target in which the request is to be answered. One without a name is given one, as the hop before this
    /// would have done, so that it goes on to the next.
    /// </summary>
    public static KeyTarget.Key Choose(IHeaderDictionary headers, KeyTarget.Collection all, TimeProvider time)
    {
        if (!headers.TryGetValue(KvHeaders.IdempotencyKey, out var name)
            && !headers.TryGetValue(KvHeaders.HopRequestId, out name))
        {
            name = Guid.CreateVersion7(time.GetUtcNow()).ToString("N");
            headers[KvHeaders.HopRequestId] = name;
        }

        var key = Encoding.ASCII.GetBytes(KeyOf(name.ToString()).ToString("D"));
        return new KeyTarget.Key(all.Bucket, all.Root, key, all.Query);
    }

    /// <summary>What a key that is not there yet cannot be asked for.</summary>
    public static Refusal? Refuse(KeyRequest request) =>
        request.IsTouch ? new Refusal(ProblemType.QueryInvalid, "A touch needs a key.")
        : request.IfMatch is not null
            ? new Refusal(ProblemType.ConditionInvalid, "If-Match needs a key; the server chooses a new one here.")
            : null;

    private static Guid KeyOf(string name)
    {
        Span<byte> key = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> named = stackalloc byte[16];
        if (Guid.TryParse(name, out var id) && id.Version == 7)    // it is one name in upper and in lower case
        {
            id.TryWriteBytes(named, bigEndian: true, out _);
            SHA256.HashData(named, key);
            named[..TimeBytes].CopyTo(key);
        }
        else
        {
            SHA256.HashData(Encoding.UTF8.GetBytes(name), key);
        }

        key[6] = (byte)((key[6] & 0x0F) | 0x70);    // version 7
        key[8] = (byte)((key[8] & 0x3F) | 0x80);    // the variant of RFC 9562
        return new Guid(key[..16], bigEndian: true);
    }
}
