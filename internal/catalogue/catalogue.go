// Package catalogue tells what clouds there are: regions, types of machines and of
// databases. It is data, clouds.json, taken from the public documentation of the
// clouds in November 2025: all their regions that anybody can use without asking, and
// the current general families of machines. Which machine a region has in stock only
// the cloud knows, so that the list of a region is that of its cloud.
package catalogue

import (
	_ "embed" // clouds.json
	"encoding/json"
	"slices"
	"strings"

	"github.com/guildhall-dev/guildhall/internal/fault"
)

//go:embed clouds.json
var text []byte

// region is a region on the wire and in the data.
type region struct {
	Name         string   `json:"name" doc:"The cloud's name of the region."`
	CountryCode  string   `json:"country_code" doc:"The country's two letters."`
	Country      string   `json:"country" doc:"The country."`
	City         string   `json:"city" doc:"The city, or the state where the cloud names no city."`
	ARMSupported *bool    `json:"arm_supported,omitempty" doc:"Whether there are ARM machines, where that is known."`
	Zones        []string `json:"zones,omitempty" doc:"The availability zones, where the cloud names them alike for everybody."`
}

type gpu struct {
	Count        int    `json:"count" doc:"How many GPUs."`
	Name         string `json:"name" doc:"Their model."`
	Manufacturer string `json:"manufacturer" doc:"Who makes them."`
	MemoryInMiB  string `json:"memory_in_mib" doc:"Their memory together."`
}

type attributes struct {
	Family string `json:"instance_family,omitempty" doc:"The family."`
	Size   string `json:"instance_size,omitempty" doc:"The size in the family."`
	Enough bool   `json:"meets_resource_reqs" doc:"Whether a cluster can be of such machines alone: at least 2 CPUs and 4 GB."`
}

// instance is a type of machines on the wire and in the data.
type instance struct {
	Type               string      `json:"type" doc:"The name in capitals, without '.', '-' and lower case."`
	Name               string      `json:"name" doc:"The cloud's name."`
	CPU                int         `json:"cpu" doc:"How many CPUs."`
	RAM                int         `json:"ram_in_gb" doc:"How much memory."`
	Bandwidth          string      `json:"bandwidth_in_gbps" doc:"The network."`
	BandwidthGuarantee string      `json:"bandwidth_guarantee" doc:"UpTo or Guaranteed."`
	Architecture       string      `json:"architecture" doc:"AMD64 or ARM64."`
	GPU                *gpu        `json:"gpu_info,omitempty" doc:"The GPUs, where there are any."`
	Attributes         *attributes `json:"attributes,omitempty" doc:"What else is known."`
}

// cloud is one entry of the data.
type cloud struct {
	ShortName string              `json:"short_name"`
	Name      string              `json:"name"`
	Regions   []region            `json:"regions"`
	Instances []instance          `json:"instances"`
	Databases map[string][]string `json:"databases"`
}

var clouds = load()

func load() []cloud {
	var all []cloud
	if err := json.Unmarshal(text, &all); err != nil {
		panic(err) // the data is a part of the program, and a test reads it
	}
	for _, c := range all {
		for i := range c.Instances {
			m := &c.Instances[i]
			m.Type = strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(m.Name))
			m.Attributes = &attributes{Enough: m.CPU >= 2 && m.RAM >= 4}
			if family, size, ok := strings.Cut(m.Name, "."); ok {
				m.Attributes.Family, m.Attributes.Size = family, size
			}
		}
	}
	return all
}

func find(short string) cloud {
	i := slices.IndexFunc(clouds, func(c cloud) bool { return c.ShortName == short })
	return clouds[i]
}

// inRegion refuses a region, or a zone of one, that the cloud does not have.
func (c cloud) inRegion(name string) error {
	for _, r := range c.Regions {
		if r.Name == name || slices.Contains(r.Zones, name) {
			return nil
		}
	}
	return fault.New(fault.NotFound, "%s has no such region here.", c.Name)
}

// Choice narrows a list of machines.
type Choice struct {
	Enough bool   `query:"only_meets_resource_reqs" doc:"Only machines that a cluster can be of alone."`
	GPUs   bool   `query:"with_gpu" deprecated:"true" doc:"Only machines with GPUs; use gpu."`
	GPU    string `query:"gpu" enum:"INCLUDE,EXCLUDE,ONLY" default:"INCLUDE" doc:"Whether machines with GPUs are in the list."`
}

func (c Choice) of(list []instance) []instance {
	chosen := []instance{}
	for _, m := range list {
		switch {
		case c.Enough && !m.Attributes.Enough, m.GPU == nil && (c.GPUs || c.GPU == "ONLY"), m.GPU != nil && c.GPU == "EXCLUDE":
		default:
			chosen = append(chosen, m)
		}
	}
	return chosen
}
