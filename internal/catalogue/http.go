package catalogue

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/guildhall-dev/guildhall/internal/authz"
	"github.com/guildhall-dev/guildhall/internal/fault"
	"github.com/guildhall-dev/guildhall/internal/route"
)

// results is the answer of every catalogue.
type results[A any] struct {
	Results []A `json:"results" doc:"All there are."`
}

type cloudProvider struct {
	ShortName string   `json:"short_name" doc:"The cloud's name in requests."`
	Name      string   `json:"name" doc:"The cloud."`
	Regions   []region `json:"regions" doc:"Its regions."`
}

// clusterFeature is what a cluster of a cloud can be made with.
type clusterFeature struct {
	ID string `json:"id" format:"uuid" doc:"The feature."`
}

type named struct {
	Name string `json:"name" doc:"The name."`
}

// RegionPath names a region.
type RegionPath struct {
	Region string `path:"region" maxLength:"64" doc:"The cloud's name of the region."`
}

type chosenPath struct {
	RegionPath
	Choice
}

type zonePath struct {
	Zone string `path:"zone" maxLength:"64" doc:"The zone, or a region."`
}

type databasePath struct {
	RegionPath
	Database string `path:"databaseType" maxLength:"64" doc:"The type of database, such as POSTGRESQL."`
}

func add[I, A any](r *route.Router, id, path, summary, description string, list func(*I) ([]A, error)) {
	route.Register(r, route.Operation{
		ID: id, Method: http.MethodGet, Path: path, Tag: "Cloud Provider", Summary: summary, Description: description,
		Permission: authz.CatalogueRead, Scope: route.AccountScope,
	}, func(_ context.Context, _ authz.Pass, in *I) (results[A], error) {
		all, err := list(in)
		return results[A]{all}, err
	})
}

// Register adds the operations of the catalogues.
func Register(r *route.Router) {
	add(r, "listCloudProvider", "/cloudProvider", "List the clouds with their regions", "", func(*struct{}) ([]cloudProvider, error) {
		all := []cloudProvider{}
		for _, c := range clouds {
			all = append(all, cloudProvider{c.ShortName, c.Name, c.Regions})
		}
		return all, nil
	})
	for _, c := range []struct{ name, path, short string }{{"AWS", "/aws", "AWS"}, {"Scaleway", "/scaleway", "SCW"}, {"Gcp", "/gcp", "GCP"}, {"Azure", "/azure", "AZURE"}} {
		of := find(c.short)
		add(r, "list"+c.name+"Regions", c.path+"/region", "List the regions of "+of.Name, "", func(*struct{}) ([]region, error) { return of.Regions, nil })
		add(r, "list"+c.name+"Features", c.path+"/clusterFeature", "List the features that a cluster can be made with",
			"None: Guildhall makes no clusters yet.", func(*struct{}) ([]clusterFeature, error) { return []clusterFeature{}, nil })
	}
	instances(r, find("AWS"), find("SCW"))
	databases(r, find("AWS"), find("SCW"))
}

const stock = "The same list for every region: which of them a region has in stock only the cloud knows."

func instances(r *route.Router, aws, scw cloud) {
	add(r, "listAWSInstanceType", "/aws/instanceType", "List the types of machines", "", func(*struct{}) ([]instance, error) { return aws.Instances, nil })
	add(r, "listScalewayInstanceType", "/scaleway/instanceType", "List the types of machines", "", func(*struct{}) ([]instance, error) { return scw.Instances, nil })
	add(r, "listScalewayKapsuleInstanceType", "/scaleway/instanceType/{zone}", "List the types of machines of a zone", stock,
		func(in *zonePath) ([]instance, error) { return scw.Instances, scw.inRegion(in.Zone) })
	gcp, azure := find("GCP"), find("AZURE")
	add(r, "listGcpGkeInstanceType", "/gcp/instanceType/{region}", "List the types of machines of a region", stock,
		func(in *RegionPath) ([]instance, error) { return gcp.Instances, gcp.inRegion(in.Region) })
	add(r, "listAzureAKSInstanceType", "/azure/aks/instanceType/{region}", "List the types of machines of a region", stock,
		func(in *chosenPath) ([]instance, error) { return in.of(azure.Instances), azure.inRegion(in.Region) })
	add(r, "listAWSEKSInstanceType", "/aws/eks/instanceType/{region}", "List the types of machines of a region", stock,
		func(in *chosenPath) ([]instance, error) { return in.of(aws.Instances), aws.inRegion(in.Region) })
}

func databases(r *route.Router, aws, scw cloud) {
	for _, c := range []struct {
		id, path string
		of       cloud
	}{{"listAWSManagedDatabaseType", "/aws", aws}, {"listSCWManagedDatabaseType", "/scaleway", scw}} {
		add(r, c.id, c.path+"/managedDatabase/type", "List the types of databases that the cloud manages", "", func(*struct{}) ([]named, error) {
			return names(slices.Sorted(maps.Keys(c.of.Databases))), nil
		})
	}
	add(r, "listAWSManagedDatabaseInstanceType", "/aws/managedDatabase/instanceType/{region}/{databaseType}", "List the types of machines of a managed database", stock,
		func(in *databasePath) ([]named, error) {
			types, ok := aws.Databases[in.Database]
			if !ok {
				return nil, fault.New(fault.NotFound, "%s manages no such database.", aws.Name)
			}
			return names(types), aws.inRegion(in.Region)
		})
}

func names(list []string) []named {
	all := make([]named, 0, len(list))
	for _, name := range list {
		all = append(all, named{name})
	}
	return all
}
