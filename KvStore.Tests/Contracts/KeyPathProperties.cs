using System.Buffers.Text;
using System.Globalization;
using System.Text;
using CsCheck;
using KvStore.Contracts;

namespace KvStore.Tests.Contracts;

public sealed class KeyPathProperties
{
    private static readonly string[] Awkward =
        ["/", ".", "%", "?", "#", "+", " ", "{", "}", "%2F", "%00", "&", "~", "\"", ":"];

    private static readonly Gen<string> Keys =
        Gen.OneOf(
                Gen.Char['a', 'z'].Select(c => c.ToString()),
                Gen.Int[0, Awkward.Length - 1].Select(i => Awkward[i]),
                Gen.Int[0x80, 0x10FFFF].Where(Rune.IsValid).Select(code => new Rune(code).ToString()))
            .Array[1, 1024]
            .Select(parts => Cut(string.Concat(parts)));

    /// <summary>Every way to write a key that is allowed: what must be encoded is, the rest is or is not.</summary>
    [Fact]
    public void Every_key_comes_back_however_it_was_encoded() =>
        Gen.Select(Keys, Gen.Int).Sample((key, seed) =>
        {
            var parsed = KeyPath.Parse("/v1/" + Encode(key, new Random(seed)));

            return parsed is KeyTarget.Key found && Encoding.UTF8.GetString(found.Bytes.Span) == key;
        });

    [Fact]
    public void What_Uri_makes_of_an_escaped_key_comes_back() =>
        Keys.Sample(key =>
        {
            var uri = new Uri(new Uri("http://localhost:9000"), "/v1/" + Uri.EscapeDataString(key));
            var parsed = KeyPath.Parse(uri.PathAndQuery);

            return key is "." or ".."
                ? parsed is KeyTarget.OtherRoute or KeyTarget.Invalid
                : parsed is KeyTarget.Key found && Encoding.UTF8.GetString(found.Bytes.Span) == key;
        });

    [Fact]
    public void What_is_written_for_a_key_is_read_as_that_key() =>
        Gen.Select(Keys, Gen.Bool, Gen.Bool).Sample((text, hasBackslashes, isRaw) =>
        {
            var key = Encoding.UTF8.GetBytes(hasBackslashes ? text.Replace('~', '\\') : text);
            var (root, bucket) = isRaw ? (KeyRoot.Raw, "b-1") : (KeyRoot.Envelope, "default");

            return Names(KeyPath.Parse(KeyPath.Write(root, bucket, key)), root, bucket, key)
                && Names(KeyPath.Parse("/v1?key64=" + Base64Url.EncodeToString(key)), KeyRoot.Envelope, "default", key);
        });

    private static bool Names(KeyTarget target, KeyRoot root, string bucket, byte[] key) =>
        target is KeyTarget.Key { Query: "" } found
        && (found.Root, found.Bucket) == (root, bucket)
        && found.Bytes.Span.SequenceEqual(key);

    [Fact]
    public void No_string_is_answered_by_an_exception() =>
        Gen.OneOf(
                Gen.String,
                Gen.Char["/%.2eEfF5c\\?#\0\x7Fä\uD800 "].Array[0, 40].Select(text => new string(text)))
            .Sample(text =>
            {
                KeyPath.Parse(text);
                AssertSound(KeyPath.Parse("/v1/" + text));
                AssertSound(KeyPath.Parse("/buckets/b/keys/" + text));
                AssertSound(KeyPath.Parse("/buckets/" + text));
                AssertSound(KeyPath.Parse("/v1?key=" + text));
                AssertSound(KeyPath.Parse("/v1?" + text + "&key64=" + text));
            });

    private static void AssertSound(KeyTarget target)
    {
        Assert.False(target is KeyTarget.OtherRoute);
        if (target is KeyTarget.Key key)
        {
            Assert.InRange(key.Bytes.Length, 1, 1024);
            Assert.DoesNotContain(Encoding.UTF8.GetString(key.Bytes.Span), c => c is < ' ' or '\x7F');
        }
    }

    /// <summary>The longest start of the text that has at most 1024 bytes.</summary>
    private static string Cut(string text)
    {
        var kept = new StringBuilder();
        var bytes = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > KeyPath.MaxKeyBytes)
                break;
            kept.Append(rune.ToString());
        }

        return kept.ToString();
    }

    private static string Encode(string key, Random random)
    {
        var path = new StringBuilder();
        foreach (var octet in Encoding.UTF8.GetBytes(key))
        {
            var mustEncode = octet > 0x7E || "%?# /.".Contains((char)octet, StringComparison.Ordinal);
            var hex = octet.ToString(random.Next(2) == 0 ? "x2" : "X2", CultureInfo.InvariantCulture);
            path.Append(mustEncode || random.Next(3) == 0 ? "%" + hex : (char)octet);
        }

        // A raw dot or slash is fine where it makes no segment that is empty or dots alone: in front of a letter.
        return path.ToString()
            .Replace("%2ea", ".a", StringComparison.Ordinal)
            .Replace("b%2fb", "b/b", StringComparison.Ordinal);
    }
}
