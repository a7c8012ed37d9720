using System.Reflection;
using System.Runtime.Loader;
using KvStore.Tests.House;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace KvStore.Tests.Mutants;

/// <summary>Sources that are one assembly, below a folder, without the tests among them and what is excepted.</summary>
internal sealed record Layer(string Assembly, string Folder, params string[] Except)
{
    /// <summary>Single files of elsewhere that belong to it, too.</summary>
    public string[] Also { get; init; } = [];

    public bool Has(string path) => Also.Contains(path)
        || (path.StartsWith(Folder, StringComparison.Ordinal)
            && !path.EndsWith("Tests.cs", StringComparison.Ordinal)
            && !Except.Contains(Path.GetFileName(path)));
}

/// <summary>
/// Compiles sources of this repository anew, some text of them changed, and finds the method in them that runs a world.
/// So the product itself has no switch to break it, and a mutant that no longer fits the code is noticed.
/// </summary>
/// <param name="runner">The type in the upper layer whose method FailureOf runs a world.</param>
/// <param name="lower">What is under test.</param>
/// <param name="upper">What runs it.</param>
/// <param name="others">Projects that both use as they are.</param>
internal sealed class MutantCompiler(string runner, Layer lower, Layer upper, params string[] others)
{
    private const string Header =
        "global using System; global using System.Collections.Generic; global using System.IO; "
        + "global using System.Linq; global using System.Threading; "
        + "global using System.Threading.Tasks; global using Xunit;"
        + "[assembly: System.Runtime.CompilerServices.InternalsVisibleTo(\"KvStore.Tests\")]";

    private static readonly CSharpParseOptions Parsing = new(LanguageVersion.Preview);

    private readonly Lazy<Compiled> _compiled = new(() =>
    {
        var below = Compile(lower, References(others));
        var image = Emit(below);
        var above = Compile(upper, References(others).Append(MetadataReference.CreateFromImage(image)));
        return new Compiled(below, image, above, Emit(above));
    });

    /// <summary>Compiles the mutant, lets it run, and forgets it.</summary>
    /// <exception cref="InvalidOperationException">It no longer fits the code.</exception>
    public T With<T>(Mutant mutant, Func<Func<string, int, string?>, T> run)
    {
        var unchanged = _compiled.Value;
        var below = Image(mutant, lower, unchanged.Lower, unchanged.LowerImage);
        var above = Image(mutant, upper, unchanged.Upper, unchanged.UpperImage);
        using Context context = new(mutant.Name, lower.Assembly, below);
        var method = context.Load(above).GetType(runner, throwOnError: true)!
            .GetMethod("FailureOf", BindingFlags.Public | BindingFlags.Static)!;
        return run(method.CreateDelegate<Func<string, int, string?>>());
    }

    private static byte[] Image(Mutant mutant, Layer layer, CSharpCompilation compilation, byte[] unchanged) =>
        Changes(mutant, layer).Length > 0 ? Emit(Change(mutant, layer, compilation)) : unchanged;

    private static Change[] Changes(Mutant mutant, Layer layer) =>
        [.. mutant.Changes.Where(change => layer.Has(change.File))];

    private static CSharpCompilation Change(Mutant mutant, Layer layer, CSharpCompilation compilation)
    {
        foreach (var file in Changes(mutant, layer).GroupBy(change => change.File))
        {
            var old = compilation.SyntaxTrees.SingleOrDefault(tree => tree.FilePath == file.Key)
                ?? throw new InvalidOperationException($"{mutant}: {file.Key} is not among the sources.");
            var text = file.Aggregate(Repository.Read(file.Key), (text, change) => Apply(mutant, change, text));
            compilation = compilation.ReplaceSyntaxTree(old, Parse(text, file.Key));
        }

        return compilation;
    }

    private static string Apply(Mutant mutant, Change change, string text)
    {
        var at = text.IndexOf(change.Text, StringComparison.Ordinal);
        if (at < 0 || text.IndexOf(change.Text, at + 1, StringComparison.Ordinal) >= 0)
        {
            throw new InvalidOperationException(
                $"{mutant} no longer fits the code: '{change.Text}' is not in {change.File}, or more than once.");
        }

        return text.Remove(at, change.Text.Length).Insert(at, change.With);
    }

    private static CSharpCompilation Compile(Layer layer, IEnumerable<MetadataReference> references)
    {
        var paths = Repository.FindFiles("*.cs").Where(layer.Has);
        return CSharpCompilation.Create(
            layer.Assembly,
            [.. paths.Select(path => Parse(Repository.Read(path), path)), CSharpSyntaxTree.ParseText(Header, Parsing)],
            references,
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary,
                optimizationLevel: OptimizationLevel.Release,
                nullableContextOptions: NullableContextOptions.Enable,
                concurrentBuild: false));
    }

    private static byte[] Emit(CSharpCompilation compilation)
    {
        using MemoryStream image = new();
        var emitted = compilation.Emit(image);
        if (!emitted.Success)
        {
            var error = emitted.Diagnostics.First(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);
            throw new InvalidOperationException($"It no longer fits the code: {error}");
        }

        return image.ToArray();
    }

    private static IEnumerable<MetadataReference> References(string[] others) =>
        from path in ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
        let name = Path.GetFileNameWithoutExtension(path)
        where !name.StartsWith("KvStore.", StringComparison.Ordinal) || others.Contains(name)
        select MetadataReference.CreateFromFile(path);

    /// <summary>Generators do not run here: a generated expression is made at run time instead.</summary>
    private static SyntaxTree Parse(string text, string path)
    {
        var tree = CSharpSyntaxTree.ParseText(text, Parsing, path);
        if (!text.Contains("[GeneratedRegex", StringComparison.Ordinal))
            return tree;
        var root = tree.GetRoot();
        var generated = root.DescendantNodes().OfType<MethodDeclarationSyntax>()
            .Where(method => PatternOf(method) is not null)
            .ToList();
        var prepared = root.ReplaceNodes(generated, (_, method) => SyntaxFactory.ParseMemberDeclaration(
            $"private static {method.ReturnType} {method.Identifier}() => new({PatternOf(method)});",
            options: Parsing)!);
        return tree.WithRootAndOptions(prepared, Parsing);
    }

    private static string? PatternOf(MethodDeclarationSyntax method) => method.AttributeLists
        .SelectMany(list => list.Attributes)
        .FirstOrDefault(attribute => attribute.Name.ToString() == "GeneratedRegex")
        ?.ArgumentList!.Arguments[0].ToString();

    private sealed record Compiled(
        CSharpCompilation Lower, byte[] LowerImage, CSharpCompilation Upper, byte[] UpperImage);

    /// <summary>A mutant's two assemblies, apart from those of the same names that run the tests.</summary>
    private sealed class Context(string name, string lower, byte[] image)
        : AssemblyLoadContext(name, isCollectible: true), IDisposable
    {
        public Assembly Load(byte[] assembly)
        {
            using MemoryStream stream = new(assembly);
            return LoadFromStream(stream);
        }

        public void Dispose() => Unload();

        protected override Assembly? Load(AssemblyName assemblyName) =>
            assemblyName.Name == lower ? Load(image) : null;
    }
}
